// Command vault is Vault with the plugins and storages of its "minimal" build, which compiles less than half
// as much, and the two of the full build that the sandbox needs: storage in files, and Kubernetes
// authentication.
package main

import (
	"os"
	"reflect"
	"unsafe"

	"github.com/hashicorp/cli"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/plugin"
	"github.com/hashicorp/vault/command"
	"github.com/hashicorp/vault/helper/builtinplugins"
	"github.com/hashicorp/vault/physical/raft"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/serviceregistration"
	pods "github.com/hashicorp/vault/serviceregistration/kubernetes"
)

var storages = map[string]physical.Factory{
	"file":  file.NewFileBackend,
	"inmem": inmem.NewInmem,
	"raft":  raft.NewRaftBackend,
}

// The registry's maps aren't exported, and nothing that is adds to them.
func init() {
	field := reflect.ValueOf(builtinplugins.Registry).Elem().FieldByName("credentialBackends")
	methods := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	method := reflect.New(field.Type().Elem()).Elem()
	method.FieldByName("Factory").Set(reflect.ValueOf(logical.Factory(kubernetes.Factory)))
	methods.SetMapIndex(reflect.ValueOf("kubernetes"), method)
}

func main() {
	base := &command.BaseCommand{UI: &cli.BasicUi{Reader: os.Stdin, Writer: os.Stdout, ErrorWriter: os.Stderr}}
	arguments := os.Args[1:]
	switch {
	case len(arguments) > 0 && arguments[0] == "server":
		server := &command.ServerCommand{
			BaseCommand: base,
			AuditBackends: map[string]audit.Factory{
				"file": audit.NewFileBackend, "socket": audit.NewSocketBackend, "syslog": audit.NewSyslogBackend,
			},
			CredentialBackends:   map[string]logical.Factory{"plugin": plugin.Factory},
			LogicalBackends:      map[string]logical.Factory{"plugin": plugin.Factory, "kv": kv.Factory},
			PhysicalBackends:     storages,
			ServiceRegistrations: map[string]serviceregistration.Factory{"kubernetes": pods.NewServiceRegistration},
			ShutdownCh:           command.MakeShutdownCh(),
			SighupCh:             command.MakeSighupCh(),
			SigUSR2Ch:            command.MakeSigUSR2Ch(),
		}
		os.Exit(server.Run(arguments[1:]))
	case len(arguments) > 1 && arguments[0] == "operator" && arguments[1] == "migrate":
		migration := &command.OperatorMigrateCommand{
			BaseCommand: base, PhysicalBackends: storages, ShutdownCh: command.MakeShutdownCh(),
		}
		os.Exit(migration.Run(arguments[2:]))
	default:
		os.Exit(command.Run(arguments))
	}
}
