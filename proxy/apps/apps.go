// Package apps knows what known dashboards need of a proxy in front of them: one
// file an app, facts only.
package apps
