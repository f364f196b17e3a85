package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"sidegate/config"
	"sidegate/login"
)

// riscTime bounds one run of a risc command.
const riscTime = 30 * time.Second

// keyVariable is Google's own name for where a service account's key lies.
const keyVariable = "GOOGLE_APPLICATION_CREDENTIALS"

// riscCommand: sidegate risc register|verify|status. It sets up Google's
// Cross-Account Protection for the Cloud project of the key; api is where Google's
// RISC API is.
func riscCommand(ctx context.Context, what, api string, to streams) error {
	key, err := serviceAccountKey()
	if err != nil {
		return err
	}
	stream, err := login.NewRISCStream(key, api)
	if err != nil {
		return fmt.Errorf("the file that %s names is %w: create one in the Google Cloud console under IAM, Service accounts, Keys", keyVariable, err)
	}
	ctx, cancel := context.WithTimeout(ctx, riscTime)
	defer cancel()
	switch what {
	case "register":
		err = riscRegister(ctx, stream, to)
	case "verify":
		err = riscVerify(ctx, stream, to)
	case "status":
		err = riscStatus(ctx, stream, to)
	}
	return explainRISC(err)
}

func serviceAccountKey() ([]byte, error) {
	path := os.Getenv(keyVariable)
	if path == "" {
		return nil, fmt.Errorf("no credentials: set %s to the JSON key file of a service account with the role roles/riscconfigs.admin", keyVariable)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the key file that %s names cannot be read: %w", keyVariable, err)
	}
	return key, nil
}

func riscRegister(ctx context.Context, stream *login.RISCStream, to streams) error {
	receiver, err := riscReceiver()
	if err != nil {
		return err
	}
	if err := stream.Register(ctx, receiver); err != nil {
		return err
	}
	fmt.Fprintf(to.out, "Google sends security events to %s from now on. Try it: sidegate risc verify\n", receiver)
	return nil
}

// riscReceiver is where Google has to reach us.
func riscReceiver() (string, error) {
	raw, err := config.FromEnv()
	if err != nil {
		return "", err
	}
	public, err := url.Parse(raw.WithDefaults().PublicURL)
	if err != nil || public.Host == "" || public.Scheme != "https" || public.Path != "" && public.Path != "/" {
		return "", errors.New("security events are delivered to https addresses alone: set SIDEGATE_PUBLIC_URL to the one people use, such as https://app.example.com")
	}
	return public.Scheme + "://" + public.Host + login.RISCPath, nil
}

func riscVerify(ctx context.Context, stream *login.RISCStream, to streams) error {
	state := "sidegate-" + rand.Text()[:8]
	if err := stream.Verify(ctx, state); err != nil {
		return err
	}
	fmt.Fprintf(to.out, "Google sends a test event. Within a minute the log of the running sidegate says: security event, event verification, state %s\n", state)
	return nil
}

func riscStatus(ctx context.Context, stream *login.RISCStream, to streams) error {
	s, err := stream.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(to.out, "stream    %s\nreceiver  %s\n", cmp.Or(s.Status, "unknown"), cmp.Or(s.Receiver, "none: run sidegate risc register"))
	return nil
}

// explainRISC adds to a refusal what to do about it.
func explainRISC(err error) error {
	refused, ok := errors.AsType[login.RISCError](err)
	if !ok {
		return err
	}
	remedy := map[int]string{
		400: "Is the domain of SIDEGATE_PUBLIC_URL among the authorised domains of the project's OAuth consent screen?",
		401: "Is the service account's key still valid, and this machine's clock right?",
		403: "Enable the RISC API in the service account's project, and give the account the role RISC Configuration Admin (roles/riscconfigs.admin). A project that Firebase owns cannot be used.",
		404: "There is no stream yet: run sidegate risc register.",
	}[refused.Status]
	if remedy == "" {
		return err
	}
	return fmt.Errorf("%w. %s", err, remedy)
}
