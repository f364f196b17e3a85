package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sidegate/session"
	"sidegate/session/redisstore"
	"sidegate/session/sessiontest"
)

// patience is far above the 250 ms that a call may take, since the machine may be
// busy, and far below what go-redis's own settings would make of it: seconds.
const patience = 2 * time.Second

func TestAServerThatIsDownIsAFailureAndNotAbsence(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	r.Kill()
	for range 3 { // the first call meets a dead connection, later ones none
		wantOutage(t, s)
	}
	r.Start()
	wantWorking(t, s)
}

// Connections to a stopped process open, and then nothing comes.
func TestAServerThatHangsIsAFailureAndNotAbsence(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	r.Pause()
	wantOutage(t, s)
	r.Resume()
	wantWorking(t, s)
}

func TestTheServerMayBeDownAtOpen(t *testing.T) {
	r := sessiontest.Redis(t)
	r.Kill()
	s := open(t, r.URL)
	wantOutage(t, s)
	r.Start()
	wantWorking(t, s)
}

func TestTheServerMayHangAtOpen(t *testing.T) {
	r := sessiontest.Redis(t)
	r.Pause()
	s := open(t, r.URL)
	wantOutage(t, s)
	r.Resume()
	wantWorking(t, s)
}

// More callers than connections must not queue up behind a hung server.
func TestManyCallersOfAHungServerAllReturnSoon(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	r.Pause()
	start := time.Now()
	var callers sync.WaitGroup
	for range 200 {
		callers.Go(func() {
			if _, err := s.Get(context.Background(), "a"); err == nil || errors.Is(err, session.ErrNone) {
				t.Errorf("Get = %v, want a failure", err)
			}
		})
	}
	callers.Wait()
	if took := time.Since(start); took > patience {
		t.Errorf("200 calls took %v, want less than %v", took, patience)
	}
	r.Resume()
	wantWorking(t, s)
}

func TestARestartOfTheServerIsNoticedWithoutReopening(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	r.Kill()
	r.Start()
	wantWorking(t, s)
}

// A connection on which an answer is still due must never be used again: one
// person's session would answer another's cookie.
func TestALateAnswerReachesNobodyElse(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	for i := range 20 {
		r.Do("SET", fmt.Sprint("sidegate:", i), fmt.Sprint("value ", i))
	}
	r.Pause()
	for i := range 3 {
		s.Get(t.Context(), fmt.Sprint(i)) // gives up
	}
	r.Resume()
	wantWorking(t, s)
	for i := range 20 {
		got, err := s.Get(t.Context(), fmt.Sprint(i))
		if err == nil && string(got) != fmt.Sprint("value ", i) {
			t.Errorf("Get(%d) = %q: another call's answer", i, got)
		}
	}
}

// Steps that are each in time must not add up: connecting and the command take
// 300 ms here.
func TestAllStepsTogetherAreBounded(t *testing.T) {
	addr := serve(t, func(conn net.Conn) {
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			switch strings.ToUpper(lines.Text()) {
			case "HELLO":
				time.Sleep(150 * time.Millisecond)
				fmt.Fprint(conn, "*0\r\n")
			case "GET":
				time.Sleep(150 * time.Millisecond)
				fmt.Fprint(conn, "$1\r\nx\r\n")
			}
		}
	})
	if got, err := open(t, "redis://"+addr).Get(context.Background(), "a"); err == nil || errors.Is(err, session.ErrNone) {
		t.Errorf("Get = %q, %v; want a failure", got, err)
	}
	// The same server answers who has more time.
	if got, err := openPatient(t, "redis://"+addr).Get(context.Background(), "a"); string(got) != "x" {
		t.Errorf("a patient Get = %q, %v; want x", got, err)
	}
}

// An answer can be lost after the command was carried out: to claim again would be
// to lose against oneself.
func TestNothingIsSentTwice(t *testing.T) {
	var sent atomic.Int32
	addr := serve(t, func(conn net.Conn) {
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			switch strings.ToUpper(lines.Text()) {
			case "HELLO":
				fmt.Fprint(conn, "*0\r\n")
			case "SET":
				sent.Add(1)
				return // closes the connection
			}
		}
	})
	ok, err := openPatient(t, "redis://"+addr).PutIfAbsent(t.Context(), "a", nil, time.Minute)
	if ok || err == nil || sent.Load() != 1 {
		t.Errorf("PutIfAbsent = %v, %v after %d commands; want a failure after 1", ok, err, sent.Load())
	}
}

// Redialling would spend the whole call on waiting, and hide the cause behind
// "deadline exceeded".
func TestARefusedConnectionIsNamedAtOnce(t *testing.T) {
	r := sessiontest.Redis(t)
	r.Kill()
	s := open(t, r.URL)
	var err error
	for range 5 { // a busy machine may need more than a call's time for one of them
		if _, err = s.Get(t.Context(), "a"); errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
	}
	t.Errorf("Get = %v, want that the connection is refused", err)
}

func TestTheCallersDeadlineCountsIfItIsSooner(t *testing.T) {
	r := sessiontest.Redis(t)
	s := openPatient(t, r.URL)
	wantWorking(t, s)
	r.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.Get(ctx, "a"); err == nil || errors.Is(err, session.ErrNone) {
		t.Errorf("Get = %v, want a failure", err)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("Get with a deadline of 10 ms took %v, want less than %v", took, patience)
	}
}

func TestAClosedStoreFailsInsteadOfAnsweringAbsence(t *testing.T) {
	r := sessiontest.Redis(t)
	s := open(t, r.URL)
	wantWorking(t, s)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	wantOutage(t, s)
}

func open(t *testing.T, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(url)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// wantOutage calls every method with a context that never ends. Each is made, and not
// answered by the breaker.
func wantOutage(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := context.Background()
	for method, call := range map[string]func() error{
		"Get":         func() error { _, err := s.Get(ctx, "a"); return err },
		"Put":         func() error { return s.Put(ctx, "a", []byte("y"), time.Minute) },
		"Replace":     func() error { return s.Replace(ctx, "a", []byte("y"), time.Minute) },
		"PutIfAbsent": func() error { _, err := s.PutIfAbsent(ctx, "b", []byte("y"), time.Minute); return err },
		"Revoke":      func() error { return s.Revoke(ctx, "a") },
		"Join":        func() error { return s.Join(ctx, "a", "a", time.Minute) },
		"Leave":       func() error { return s.Leave(ctx, "a", "a") },
		"Members":     func() error { _, err := s.Members(ctx, "a"); return err },
		"Each":        func() error { return s.Each(ctx, "", func(string, []byte) error { return nil }) },
	} {
		s.CloseBreakers()
		start := time.Now()
		err := call()
		if err == nil || errors.Is(err, redisstore.ErrOpen) || errors.Is(err, session.ErrNone) || errors.Is(err, session.ErrFull) {
			t.Errorf("%s = %v, want a failure", method, err)
		}
		if took := time.Since(start); took > patience {
			t.Errorf("%s took %v, want less than %v", method, took, patience)
		}
	}
}

// wantWorking waits until the store works, for the first time or again.
func wantWorking(t *testing.T, s *redisstore.Store) {
	t.Helper()
	for giveUp := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := s.Put(t.Context(), "a", []byte("x"), time.Minute)
		if err == nil {
			var got []byte
			if got, err = s.Get(t.Context(), "a"); string(got) == "x" {
				return
			}
		}
		if time.Now().After(giveUp) {
			t.Fatalf("the store does not work: %v", err)
		}
	}
}
