// Package fault breaks things around the running program and counts what people
// notice of it. Two processes of the real binary stand in front of an app and share
// a real Redis; between them the tests kill, stop, cut and slow down one part after
// the other, while a crowd with sessions asks on and holds WebSockets open.
//
// Each test is a row of the fault matrix and prints its figure in a line that begins
// with the row's name (FLT-01: …). What has to be 0 is 0, whatever the machine does:
// sessions lost, answers that were somebody else's, requests that failed. Times are
// bounded generously, since machines are noisy, unless the bound is the promise.
//
// Parts are injected with faults from outside, never replaced: a fake would only
// show that we think of the fault as we wrote the fake. All files but this one are
// tests.
package fault
