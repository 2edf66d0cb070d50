package verifier

import (
	"errors"
	"fmt"

	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/merkle"
)

// verifyConsistency verifies that the second head of a consistency proof extends the first.
func verifyConsistency(value any) (*claim, *fault) {
	document := json.Open(value)
	log := json.Read(document, "log", readLog)
	first, second := json.Read(document, "first", readHead), json.Read(document, "second", readHead)
	proof := json.Read(document, "proof", readProof)
	if err := document.Close(); err != nil {
		return nil, unreadable("it is not a consistency proof", err)
	}
	if first.Size > merkle.MaxSize {
		return nil, refused("first", outOfRange(first.Size))
	}
	if second.Size > merkle.MaxSize {
		return nil, refused("second", outOfRange(second.Size))
	}
	if err := merkle.VerifyConsistency(first, second, proof); err != nil {
		return nil, refused(placeOfConsistency(err), "the second head does not extend the first: "+err.Error())
	}
	// Every log extends the empty one.
	ofSecond := showsLeaves
	if first.Size == 0 && second.Size != 0 {
		ofSecond = showsStart
	}
	return &claim{
		what: fmt.Sprintf("the log of %d %s begins with the %d of the first head", second.Size, log, first.Size),
		heads: []claimedHead{
			{LogHead{log, first}, "first", showsStart},
			{LogHead{log, second}, "second", ofSecond},
		},
		compared: []Comparison{
			rootCompared("root of the first head", first),
			rootCompared("root of the second head, which extends it", second),
		},
		facts:      Facts{Log: log, From: &first.Size, To: &second.Size},
		notChecked: []string{"of which ledger the heads are: a consistency proof names none"},
	}, nil
}

func placeOfConsistency(err error) string {
	var proof *merkle.ProofError
	if errors.As(err, &proof) {
		switch proof.Fault {
		case merkle.Shrinks:
			return "first.size and second.size"
		case merkle.OtherRoot:
			return "first.root and proof"
		case merkle.OtherSecondRoot:
			return "second.root and proof"
		}
	}
	return "proof"
}
