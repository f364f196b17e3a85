package upstream

import (
	"errors"
	"net/http"
)

const (
	// maxChunkLine bounds a chunk's size with its extensions, in bytes, maxTrailer the
	// trailers, and maxExcess what there may be of either over a whole body, less what
	// the body itself makes plausible. They are net/http's.
	maxChunkLine = 4 << 10
	maxTrailer   = 4 << 10
	maxExcess    = 16 << 10
)

var errChunk = errors.New("upstream: a chunk of the app's answer is malformed")

// chunk reads up to the next chunk's data, or to the end.
func (b *Body) chunk() error {
	b.conn.body = b
	if b.begun {
		if end, err := b.conn.readLine(2); err != nil || len(end) > 0 {
			return chunkError(err)
		}
	}
	line, err := b.conn.readLine(maxChunkLine)
	if err != nil {
		return chunkError(err)
	}
	size, ok := chunkSize(line)
	if b.excess = max(0, b.excess+len(line)+2-16-2*int(min(size, maxExcess))); !ok || b.excess > maxExcess {
		return errChunk
	}
	if size > 0 {
		b.begun, b.left = true, size
		return nil
	}
	text, err := b.conn.head(maxTrailer)
	if err != nil {
		return chunkError(err)
	}
	if err := b.trailers(text); err != nil {
		return err
	}
	b.finish()
	return nil
}

func chunkError(err error) error {
	if err == nil || err == errTooLong || err == errBareLF {
		return errChunk
	}
	return err
}

// chunkSize reads a chunk's first line: digits, and extensions that nobody reads.
func chunkSize(line []byte) (size int64, ok bool) {
	for i, b := range line {
		digit := int64(0)
		switch {
		case '0' <= b && b <= '9':
			digit = int64(b - '0')
		case 'a' <= b && b <= 'f':
			digit = int64(b-'a') + 10
		case 'A' <= b && b <= 'F':
			digit = int64(b-'A') + 10
		case b == ';':
			return size, i > 0 && visible(string(line[i:]))
		default:
			return 0, false
		}
		if i == 15 {
			return 0, false
		}
		size = size<<4 | digit
	}
	return size, len(line) > 0
}

// trailers notes what came behind the body.
func (b *Body) trailers(text string) error {
	if text == "" {
		return nil
	}
	var told told
	h, err := parseFields(text, &told)
	if err != nil {
		return err
	}
	for name, values := range h {
		if !mayTrail(name) {
			continue
		}
		if b.res.Trailer == nil {
			b.res.Trailer = make(http.Header)
		}
		b.res.Trailer[name] = values
	}
	return nil
}
