// Command coredns is the cluster DNS server of the sandbox: CoreDNS with only
// the plugins that its Corefile names, which keeps the build short.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// CoreDNS refuses to start when its directive list names a plugin that is not
// linked in, and its own list names all of them.
func init() {
	dnsserver.Directives = []string{"bind", "ready", "errors", "cache", "template", "hosts", "kubernetes"}
}

func main() { coremain.Run() }
