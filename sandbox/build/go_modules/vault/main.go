// Command vault is Vault with the plugins of its "minimal" build, which compiles less than half as much,
// and Kubernetes authentication, which Vault has in its full build only.
package main

import (
	"os"
	"reflect"
	"unsafe"

	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	"github.com/hashicorp/vault/command"
	"github.com/hashicorp/vault/helper/builtinplugins"
	"github.com/hashicorp/vault/sdk/logical"
)

// The registry's maps aren't exported, and nothing that is adds to them.
func init() {
	field := reflect.ValueOf(builtinplugins.Registry).Elem().FieldByName("credentialBackends")
	methods := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	method := reflect.New(field.Type().Elem()).Elem()
	method.FieldByName("Factory").Set(reflect.ValueOf(logical.Factory(kubernetes.Factory)))
	methods.SetMapIndex(reflect.ValueOf("kubernetes"), method)
}

func main() { os.Exit(command.Run(os.Args[1:])) }
