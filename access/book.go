package access

import (
	"context"
	"slices"
	"sync/atomic"

	"sidegate/identity"
)

// Directory knows groups of people that their sign-in did not tell. It is asked on
// every request.
type Directory interface {
	// Groups returns the groups of id as they are known now, and does not wait. known
	// is false when nobody can say at present.
	Groups(id identity.Identity) (groups []string, known bool)
	// Learn sees to it that the groups of id become known, or are looked up again when
	// that is due. It waits, and not for long, only for somebody of whom nothing is
	// known and nothing was tried in vain.
	Learn(ctx context.Context, id identity.Identity)
}

// Book holds what is in force: the Policy and the RoleMap, which change when their
// files do. The zero Book refuses everybody.
type Book struct {
	Directory Directory // nil: groups are those of the sign-in alone; not to be changed in use

	policy atomic.Pointer[Policy]
	roles  atomic.Pointer[RoleMap]
}

// Set puts p in force.
func (b *Book) Set(p Policy) { b.policy.Store(&p) }

// SetRoles puts m in force.
func (b *Book) SetRoles(m RoleMap) { b.roles.Store(&m) }

// Admit is Look for somebody who asks to come in: it has the Directory learn what it
// does not know yet.
func (b *Book) Admit(ctx context.Context, id identity.Identity) (identity.Identity, Decision) {
	if b.Directory != nil {
		b.Directory.Learn(ctx, id)
	}
	return b.Look(id)
}

// Look returns who id, as the sign-in told it, is at this moment, groups and roles
// included, and whether that person may pass.
func (b *Book) Look(id identity.Identity) (identity.Identity, Decision) {
	id.Roles = nil
	p := b.policy.Load()
	if p == nil {
		return id, Decision{Reason: "no_policy"}
	}
	known := true
	if b.Directory != nil {
		var more []string
		more, known = b.Directory.Groups(id)
		id.Groups = union(id.Groups, more)
	}
	d := p.Decide(id)
	if !d.Allowed && d.Reason == notListed && !known && len(p.groups) > 0 {
		d = Decision{Unsure: true, Reason: "groups_unknown"}
	}
	if m := b.roles.Load(); m != nil {
		id.Roles = m.Of(id)
	}
	id.Groups = told(id.Groups)
	return id, d
}

// Decide is Look for those who want no more than the decision.
func (b *Book) Decide(id identity.Identity) Decision {
	_, d := b.Look(id)
	return d
}

// union returns the groups of both, each once, and changes neither.
func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	all := slices.Clip(a)
	for _, g := range b {
		if !slices.Contains(a, g) {
			all = append(all, g)
		}
	}
	return all
}

// maxTold bounds the groups that the app is told of, in bytes: each request carries
// them, and many servers take no more than 8 KiB of headers. Who may pass, and in
// which role, was decided by all of them.
const maxTold = 4096

func told(groups []string) []string {
	size := 0
	for i, g := range groups {
		if size += len(g) + 1; size > maxTold {
			return groups[:i:i]
		}
	}
	return groups
}
