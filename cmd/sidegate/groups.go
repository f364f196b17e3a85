package main

import (
	"log/slog"
	"os"
	"time"

	"sidegate/config"
	"sidegate/login"
)

// openDirectory returns what looks up the groups of an issuer's people; nil: nothing is
// to.
func openDirectory(c config.Groups, issuer string, log *slog.Logger) (*login.Directory, error) {
	if c.GoogleKey == "" {
		return nil, nil
	}
	fault := func(problem string) error {
		return &config.Fault{Name: "SIDEGATE_GOOGLE_GROUPS_JSON", Problem: problem, Example: "/etc/sidegate/groups.json"}
	}
	key, err := os.ReadFile(c.GoogleKey)
	if err != nil {
		return nil, fault("names a file that cannot be read")
	}
	source, err := login.NewGoogleGroups(key, login.GroupsBase, c.GoogleCustomer)
	if err != nil {
		return nil, fault("names a file that is " + err.Error() + ": create one in the Google Cloud console under IAM, Service accounts, Keys")
	}
	d := login.NewDirectory(source, c.TTL, time.Now, log)
	d.Issuer = issuer
	return d, nil
}
