package login_test

import "testing"

func TestSignInEndsAtTheAppAsWhomTheProviderNamed(t *testing.T) {
	s := newSite(t)
	got := s.newBrowser().open("/reports?q=1").who()
	want := whom{"1001", "alice@corp.example", "Alice Example", "https://img.example/alice.png", "staff admins", "/reports?q=1"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
