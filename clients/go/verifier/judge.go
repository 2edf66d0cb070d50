package verifier

import (
	"fmt"
	"strings"

	"counterfoil.dev/go/internal/compare"
	"counterfoil.dev/go/merkle"
)

// shows is the parts that a trusted head shows.
type shows int

const (
	// showsLeaves: the leaves that the document is of.
	showsLeaves shows = iota
	// showsEvent: the event, and with it who appended the leaves and when.
	showsEvent
	// showsBoth: the event states the head under which the leaves are.
	showsBoth
	// showsStart: nothing of the document but that it goes on from there.
	showsStart
)

// claimedHead is a head to which a document leads, and the member in which it stands.
type claimedHead struct {
	LogHead
	place string
	shows shows
}

// claim is what a document claims whose parts belong together.
type claim struct {
	// of is the document's names; a consistency proof has none.
	of *origin
	// what is a sentence's subject.
	what     string
	heads    []claimedHead
	compared []Comparison
	facts    Facts
	// event is shown with a head of the events alone.
	event *Event
	// notChecked is what verifying does not show even then.
	notChecked []string
}

// rootCompared is the comparison of the root that leaves and a proof lead to with the one that the document says.
func rootCompared(what string, head merkle.Head) Comparison {
	return Comparison{what, head.Root.String(), head.Root.String(), "document", true}
}

func showHead(head merkle.Head) string { return fmt.Sprintf("%d:%s", head.Size, head.Root) }

// compareHeads gives the claimed heads that are pinned ones.
//
// Heads of one size with different roots contradict each other, and so do heads of one root with different sizes, for no two trees
// have one root. Other heads tell nothing.
func compareHeads(claimed []claimedHead, pin Pin, compared *[]Comparison) ([]claimedHead, *fault) {
	var shown []claimedHead
	var first *fault
	for _, head := range claimed {
		for _, pinned := range pin.parts.Heads {
			if pinned.Log != head.Log || pinned.Size != head.Size && pinned.Root != head.Root {
				continue
			}
			equal := pinned.Size == head.Size && compare.Hashes(pinned.Root, head.Root)
			what, found, expected := "head of the "+string(head.Log), showHead(head.Head), showHead(pinned.Head)
			*compared = append(*compared, Comparison{what, found, expected, "pin", equal})
			if equal {
				shown = append(shown, head)
			} else if first == nil {
				first = refused(head.place, fmt.Sprintf("its %s is %s, you pinned %s", what, found, expected))
			}
		}
	}
	return shown, first
}

// conclude gives the verdict on a document that holds together, by its heads that are pinned ones.
func conclude(kind Kind, claim *claim, shown []claimedHead, pin Pin, compared []Comparison) Verdict {
	by := func(wanted ...shows) *claimedHead {
		for at := range shown {
			for _, one := range wanted {
				if shown[at].shows == one {
					return &shown[at]
				}
			}
		}
		return nil
	}
	isEventShown := by(showsEvent, showsBoth) != nil
	verdict := Verdict{
		Kind: kind, Compared: append([]Comparison{}, compared...), Checked: []string{"inner consistency: " + claim.what},
		Claims: claimsOf(claim),
	}
	if head := by(showsLeaves, showsBoth); head != nil {
		verdict.Verdict = Verified
		verdict.Reason = fmt.Sprintf("%s, by the head of %d leaves that you pinned", claim.what, head.Size)
		for _, head := range shown {
			verdict.Checked = append(verdict.Checked,
				fmt.Sprintf("it leads to the head of %d leaves that you pinned, in `%s`", head.Size, head.place))
		}
		facts := claim.facts
		if isEventShown {
			facts.Event = claim.event
		}
		verdict.Facts = &facts
	} else if head := by(showsStart); head != nil {
		verdict.Verdict = Consistent
		verdict.Reason = fmt.Sprintf("%s, which you pinned (%d leaves); that the later one is the chain's is not shown",
			claim.what, head.Size)
	} else {
		verdict.Verdict, verdict.Reason = CannotTell, unpinned(claim, isEventShown, pin)
	}
	verdict.NotChecked = notChecked(claim, pin, isEventShown, verdict.Verdict == Verified)
	return verdict
}

// unpinned says why nothing is shown of the leaves.
func unpinned(claim *claim, isEventShown bool, pin Pin) string {
	switch {
	case isEventShown:
		return fmt.Sprintf("the event is in the log that you pinned, and %s leads to another head than the event states", claim.what)
	case len(pin.parts.Heads) > 0:
		var claimed []merkle.Head
		for _, head := range claim.heads {
			claimed = append(claimed, head.Head)
		}
		var pinned []merkle.Head
		for _, head := range pin.parts.Heads {
			pinned = append(pinned, head.Head)
		}
		return fmt.Sprintf("only inner consistency was checked: %s leads to %s, and you pinned %s", claim.what,
			showHeads(claimed), showHeads(pinned))
	}
	whose := "no ledger was pinned"
	if pin.parts.Ledger != nil && claim.of != nil {
		whose = "it names the ledger that you pinned"
	}
	return fmt.Sprintf("only inner consistency was checked: %s holds together, %s, and no head was pinned to compare it with. That "+
		"it is in your ledger is not shown", claim.what, whose)
}

// showHeads names heads, each once where it follows itself.
func showHeads(heads []merkle.Head) string {
	var names []string
	for at, head := range heads {
		if at == 0 || heads[at-1] != head {
			names = append(names, showHead(head))
		}
	}
	return strings.Join(names, " and ")
}

func claimsOf(claim *claim) *Claims {
	claims := &Claims{Heads: []LogHead{}}
	if of := claim.of; of != nil {
		claims.GenesisHash, claims.Program, claims.Ledger = &of.genesisHash, &of.program, &of.ledger
	}
	for _, head := range claim.heads {
		claims.Heads = append(claims.Heads, head.LogHead)
	}
	return claims
}

func notChecked(claim *claim, pin Pin, isEventShown, isVerified bool) []string {
	lines := append([]string{}, claim.notChecked...)
	if claim.of != nil && pin.parts.Ledger == nil {
		lines = append(lines, "whose ledger it is: you pinned none, and anybody can make one")
	}
	if isVerified && claim.event != nil && !isEventShown {
		lines = append(lines, "who appended it, and when: pin a head of the events for that")
	}
	return append(lines, "the chain: no server was asked, and a head is believed because you pinned it",
		"that what was written is true, or that everything was written")
}
