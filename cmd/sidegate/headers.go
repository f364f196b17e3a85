package main

import (
	"sidegate/config"
	"sidegate/proxy"
)

// appHeaders makes what the settings say of headers ready to be sent. What cannot be
// is a fault like others: config does not know which headers a preset stands for.
func appHeaders(rules []config.HeaderRule, assertions *proxy.Assertions) (*proxy.Headers, error) {
	var list []proxy.HeaderRule
	for _, r := range rules {
		rule := proxy.HeaderRule{Preset: r.Preset, Name: r.Name}
		for _, part := range r.Value {
			rule.Value = append(rule.Value, proxy.HeaderPart(part))
		}
		list = append(list, rule)
	}
	headers, err := proxy.NewHeaders(list, assertions)
	if err != nil {
		return nil, &config.Fault{Name: "SIDEGATE_HEADERS", Problem: err.Error(), Example: "sidegate,X-Remote-Login={user}"}
	}
	return headers, nil
}
