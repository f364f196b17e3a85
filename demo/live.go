package demo

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

const (
	sampleEvery  = 500 * time.Millisecond
	historySize  = 121              // samples a new page starts with: one minute
	writeTimeout = 10 * time.Second // a browser that stopped reading is given up
	maxMessage   = 4 << 10          // bytes of a message to be echoed
)

// sample is one point of the chart.
type sample struct {
	At    int64   `json:"at"` // milliseconds since 1970
	Value float64 `json:"value"`
}

// message is what the dashboard sends: samples, or the echo of a text.
type message struct {
	Samples []sample `json:"samples,omitempty"`
	Echo    string   `json:"echo,omitempty"`
}

// live is the dashboard's WebSocket: the last minute of samples, then one more
// every sampleEvery; every text message comes back as an echo. Accept compares
// Origin with Host, which works behind sidegate because Host reaches the app
// unchanged.
func live(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(r.Context())
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		defer cancel()
		echo(ctx, conn)
	}()
	feed(ctx, conn)
	conn.CloseNow()
	<-echoed
}

// echo returns when the connection ends or sends what a dashboard has no use for.
func echo(ctx context.Context, conn *websocket.Conn) {
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			conn.Close(websocket.StatusUnsupportedData, "text only")
			return
		}
		if send(ctx, conn, message{Echo: string(text)}) != nil {
			return
		}
	}
}

func feed(ctx context.Context, conn *websocket.Conn) {
	now := time.Now()
	var history []sample
	for i := range historySize {
		history = append(history, sampleAt(now.Add(-time.Duration(historySize-1-i)*sampleEvery)))
	}
	if send(ctx, conn, message{Samples: history}) != nil {
		return
	}
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-ticker.C:
			if send(ctx, conn, message{Samples: []sample{sampleAt(t)}}) != nil {
				return
			}
		}
	}
}

func send(ctx context.Context, conn *websocket.Conn, m message) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return wsjson.Write(ctx, conn, m)
}

// sampleAt makes up a value between 0 and 100. It depends on the time alone, so
// that every tab shows the same curve and a reload does not start a new one.
func sampleAt(t time.Time) sample {
	s := float64(t.UnixMilli()) / 1000
	v := 52 + 22*math.Sin(s/9) + 12*math.Sin(s/2.7) + 6*math.Sin(s/0.9)
	return sample{t.UnixMilli(), math.Round(10*v) / 10}
}
