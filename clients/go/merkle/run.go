package merkle

import "math/bits"

// Run verifies that leaves which come one after the other are all leaves of a tree from the first on. Its memory does not grow
// with them.
type Run struct {
	head  Head
	first uint64
	proof []Hash
	tree  frontier
	count uint64
}

// NewRun begins before leaf first. The proof has the roots of the largest subtrees outside the run, from left to right.
//
// It gives a *ProofError where the tree has no such leaf, or the proof too few hashes.
func NewRun(head Head, first uint64, proof []Hash) (*Run, error) {
	run := &Run{head: head, first: first, proof: proof}
	if head.Size > MaxSize || first >= head.Size {
		return nil, run.noRun()
	}
	for rest := first; rest != 0; {
		level := bits.Len64(rest) - 1
		rest -= 1 << level
		hash, err := run.next()
		if err != nil {
			return nil, err
		}
		run.tree.append(level, hash)
	}
	return run, nil
}

// Push takes the hash of the next leaf. It gives a *ProofError where the tree has no more leaves.
func (r *Run) Push(leaf Hash) error {
	r.count++
	if r.tree.size >= r.head.Size {
		return r.noRun()
	}
	r.tree.append(0, leaf)
	return nil
}

// Finish ends after the last leaf. It gives a *ProofError unless there was a leaf, and leaves and proof lead, with exactly its
// hashes, to the head's root.
func (r *Run) Finish() error {
	if r.count == 0 {
		return r.noRun()
	}
	var smaller *Hash
	for smaller == nil && r.tree.size < r.head.Size {
		// To the right stand subtrees as large as the tree's last one, with which they merge, and at last one that has what
		// is left.
		level := bits.TrailingZeros64(r.tree.size)
		sibling, err := r.next()
		if err != nil {
			return err
		}
		if (r.head.Size-r.tree.size)>>level == 0 {
			smaller = &sibling
		} else {
			r.tree.append(level, sibling)
		}
	}
	if len(r.proof) > 0 {
		return tooLong()
	}
	return expectRoot(OtherRoot, r.tree.root(smaller), r.head.Root)
}

func (r *Run) next() (Hash, error) {
	if len(r.proof) == 0 {
		return Hash{}, tooShort()
	}
	hash := r.proof[0]
	r.proof = r.proof[1:]
	return hash, nil
}

func (r *Run) noRun() error {
	return fault(OutOfRange, "%d leaves from %d on are no run of a tree of %d leaves", r.count, r.first, r.head.Size)
}

// frontier has the roots of the perfect subtrees that make up a tree: slot L where bit L of the size is set.
type frontier struct {
	size  uint64
	peaks [levels]Hash
}

// append takes the root of the perfect subtree of 2^level leaves. The size is a multiple of 2^level, and the tree stays within
// the largest: every caller has compared both.
func (f *frontier) append(level int, root Hash) {
	at := level
	for f.size>>at&1 == 1 {
		root = HashNode(f.peaks[at], root)
		at++
	}
	f.peaks[at] = root
	f.size += 1 << level
}

// root gives the root over all leaves, and over what lies to their right and is smaller than the last peak, if there is any.
func (f *frontier) root(rest *Hash) Hash {
	root := EmptyRoot()
	if rest != nil {
		root = *rest
	}
	isEmpty := rest == nil
	for remaining := f.size; remaining != 0; remaining &= remaining - 1 {
		peak := f.peaks[bits.TrailingZeros64(remaining)]
		if isEmpty {
			root, isEmpty = peak, false
		} else {
			root = HashNode(peak, root)
		}
	}
	return root
}
