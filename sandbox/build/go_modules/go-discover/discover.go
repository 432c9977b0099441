// Package discover has what Vault calls of the module of this name, and finds no servers. Vault needs that module
// for auto_join alone, which the sandbox never sets; it brings the SDKs of fifteen clouds and Kubernetes' client,
// a third of all code that is compiled for Vault.
package discover

import (
	"errors"
	"log"
)

var errAbsent = errors.New("this Vault is the sandbox's, which was built without auto_join: set leader_api_addr")

// Provider looks up servers in one cloud.
type Provider interface {
	Addrs(args map[string]string, l *log.Logger) ([]string, error)
	Help() string
}

// Providers has none.
var Providers = map[string]Provider{}

// Config is what auto_join is set to.
type Config map[string]string

// Parse refuses auto_join.
func Parse(string) (Config, error) { return nil, errAbsent }

func (Config) String() string { return "" }

// Discover looks up servers.
type Discover struct{}

// Option is a setting of Discover.
type Option func(*Discover) error

// New returns a Discover that finds nothing.
func New(...Option) (*Discover, error) { return &Discover{}, nil }

// WithProviders changes nothing.
func WithProviders(map[string]Provider) Option { return nil }

// Addrs refuses auto_join.
func (*Discover) Addrs(string, *log.Logger) ([]string, error) { return nil, errAbsent }
