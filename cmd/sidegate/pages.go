package main

import (
	"sidegate/config"
	"sidegate/web"
)

// brand is what our own pages say of whose site it is.
func brand(p config.Pages) web.Brand {
	return web.Brand{Name: p.Name, Logo: web.NewLogo(p.Logo.Type, p.Logo.Content)}
}

// providerTitle is what our pages call the provider: the demo's is one whose address
// the person has never seen.
func providerTitle(c config.Config) string {
	if c.Provider.ClientID == demoClient {
		return "the demo provider"
	}
	return c.Provider.Title
}
