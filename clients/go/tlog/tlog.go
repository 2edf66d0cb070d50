// Package tlog verifies what an operator signs in the formats of C2SP: checkpoints (https://c2sp.org/tlog-checkpoint), which are
// signed notes, and proofs of inclusion (https://c2sp.org/tlog-proof).
//
// Their reader believes the operator that a head is the log's. That it is the chain's they do not show: package verifier verifies the
// receipt that does.
package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"counterfoil.dev/go/internal/compare"
	"counterfoil.dev/go/internal/text"
	"counterfoil.dev/go/merkle"
)

const (
	proofFormat = "c2sp.org/tlog-proof@v1"
	// ed25519 is the signature type of a note's key, and of its signatures.
	ed25519 = 1
	// maxNote is the longest note, in bytes, and maxSignatures the most of its signatures.
	maxNote       = 1_000_000
	maxSignatures = 100
)

// Key is the Ed25519 key by which an operator signs the notes of one log.
type Key struct {
	name   string
	id     uint32
	public [32]byte
}

// ParseKey reads a key as NAME+ID+KEY. Take it from the operator, and not from the server that gave the note.
func ParseKey(key string) (Key, error) {
	name, rest, _ := strings.Cut(key, "+")
	id, public, _ := strings.Cut(rest, "+")
	decoded, ok := text.Base64(public)
	if !ok || len(decoded) != 33 || decoded[0] != ed25519 || !isName(name) {
		return Key{}, errors.New("a key is NAME+ID+KEY, with an Ed25519 key in base64")
	}
	hash := sha256.Sum256(append([]byte(name+"\n"), decoded...))
	if id != hex.EncodeToString(hash[:4]) {
		return Key{}, errors.New("the key's id is not that of its name and bytes")
	}
	parsed := Key{name: name, id: binary.BigEndian.Uint32(hash[:4])}
	copy(parsed.public[:], decoded[1:])
	return parsed, nil
}

// Name gives the log's name.
func (k Key) Name() string { return k.name }

func isName(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsSpace) < 0 && !strings.Contains(name, "+")
}

// VerifyCheckpoint verifies that the key of a log signed a checkpoint, and gives its head.
func VerifyCheckpoint(note []byte, key Key) (merkle.Head, error) {
	body, err := openNote(note, key)
	if err != nil {
		return merkle.Head{}, err
	}
	lines := strings.Split(body, "\n")
	// The last is empty: the text ends with an end of line. Further lines are extensions.
	if len(lines) < 4 || lines[0] != key.name {
		return merkle.Head{}, fmt.Errorf("the checkpoint is not a name, which is %s, a size and a root", key.name)
	}
	size, isSize := text.Decimal(lines[1])
	root, isRoot := hash(lines[2])
	if !isSize || !isRoot || size > merkle.MaxSize {
		return merkle.Head{}, errors.New("the checkpoint's size or root cannot be read")
	}
	return merkle.Head{Size: size, Root: root}, nil
}

// VerifyProof verifies a proof file: the key of a log signed a head, which has this leaf at this index. It gives that head. The
// leaf's hash is the caller's to compute, from bytes of the caller's own.
func VerifyProof(file []byte, index uint64, leaf merkle.Hash, key Key) (merkle.Head, error) {
	lines, note, isSplit := strings.Cut(string(file), "\n\n")
	if !isSplit {
		return merkle.Head{}, errors.New("the proof has no empty line")
	}
	format, rest, _ := strings.Cut(lines, "\n")
	if format != proofFormat {
		return merkle.Head{}, fmt.Errorf("the first line is not %s", proofFormat)
	}
	hashes := strings.Split(rest, "\n")
	// Neither signature nor proof covers the extra line.
	if strings.HasPrefix(hashes[0], "extra ") {
		hashes = hashes[1:]
	}
	if len(hashes) == 0 || !strings.HasPrefix(hashes[0], "index ") {
		return merkle.Head{}, errors.New("the proof has no index")
	}
	if found, ok := text.Decimal(hashes[0][len("index "):]); !ok || found != index {
		return merkle.Head{}, fmt.Errorf("the proof is of another leaf than %d", index)
	}
	var proof []merkle.Hash
	for _, line := range hashes[1:] {
		node, ok := hash(line)
		if !ok {
			return merkle.Head{}, errors.New("a hash of the proof is not 32 bytes in base64")
		}
		proof = append(proof, node)
	}
	head, err := VerifyCheckpoint([]byte(note), key)
	if err != nil {
		return merkle.Head{}, err
	}
	if err := merkle.VerifyInclusion(head, index, leaf, proof); err != nil {
		return merkle.Head{}, err
	}
	return head, nil
}

// openNote verifies that a key signed a note, and gives the note's text. Signatures of other keys are not looked at.
// Source: https://c2sp.org/signed-note.
func openNote(note []byte, key Key) (string, error) {
	malformed := errors.New("the checkpoint is not a signed note")
	if len(note) > maxNote || !utf8.Valid(note) || bytes.IndexFunc(note, isForbidden) >= 0 {
		return "", malformed
	}
	split := strings.LastIndex(string(note), "\n\n")
	if split < 0 || !bytes.HasSuffix(note, []byte("\n")) || split+2 == len(note) {
		return "", malformed
	}
	body, lines := string(note[:split+1]), strings.Split(string(note[split+2:len(note)-1]), "\n")
	if len(lines) > maxSignatures {
		return "", malformed
	}
	isSigned := false
	for _, line := range lines {
		name, encoded, _ := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		signature, ok := text.Base64(encoded)
		if !strings.HasPrefix(line, "— ") || !ok || len(signature) < 5 || !isName(name) {
			return "", malformed
		}
		if name != key.name || binary.BigEndian.Uint32(signature) != key.id {
			continue
		}
		var bytes [64]byte
		if len(signature) != 4+copy(bytes[:], signature[4:]) || !compare.Signature(&key.public, []byte(body), &bytes) {
			return "", fmt.Errorf("a signature of %s over the checkpoint does not hold", key.name)
		}
		isSigned = true
	}
	if !isSigned {
		return "", fmt.Errorf("%s did not sign the checkpoint", key.name)
	}
	return body, nil
}

func isForbidden(character rune) bool { return character < 0x20 && character != '\n' }

func hash(line string) (hash merkle.Hash, ok bool) {
	decoded, ok := text.Base64(line)
	if ok = ok && len(decoded) == len(hash); ok {
		copy(hash[:], decoded)
	}
	return hash, ok
}
