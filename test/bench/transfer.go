package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// transfer loads a page of size bytes n times, some at a time, and looks at every byte.
func transfer(ctx context.Context, c *candidate, path string, size, n, atATime int) (time.Duration, error) {
	client := newClient(atATime)
	defer client.CloseIdleConnections()
	var (
		all   sync.WaitGroup
		fault = make(chan error, n)
		turn  = make(chan struct{}, atATime)
		begin = time.Now()
	)
	for range n {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			if err := download(ctx, client, c, path, size); err != nil {
				fault <- fmt.Errorf("%s: %s: %w", c.name, path, err)
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	close(fault)
	return took, <-fault
}

func download(ctx context.Context, client *http.Client, c *candidate, path string, size int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return err
	}
	req.Header = browserHeader()
	if c.cookie != "" {
		req.Header.Set("Cookie", c.cookie)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	want, got := content(largeSize), make([]byte, largeSize)
	for range size / largeSize {
		if _, err := io.ReadFull(resp.Body, got); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("not what the app sent")
		}
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != 0 || err != nil {
		return fmt.Errorf("%d bytes too many, %v", n, err)
	}
	return nil
}
