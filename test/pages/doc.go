// Package pages looks at every page that sidegate has, in a real Chromium, as people
// do who see badly, hold no mouse, or have a small screen: with axe-core, with the Tab
// key, and in a window of 320 pixels. Pages that are hard to get to by clicking come
// from a server with the real templates, all others from the real program.
//
// With SCREENSHOTS=folder in the environment the tests leave pictures there.
package pages
