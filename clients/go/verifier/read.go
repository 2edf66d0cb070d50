package verifier

import (
	"fmt"

	json "counterfoil.dev/go/internal/strictjson"
	"counterfoil.dev/go/merkle"
)

func readKey(value any) (Key, *json.Error) {
	key, err := json.Key(value)
	return key, err
}

func readHash(value any) (merkle.Hash, *json.Error) {
	hash, err := json.Hash(value)
	return hash, err
}

var readProof = json.List(readHash)

// readHead reads a head, whose size may be beyond the largest tree.
func readHead(value any) (merkle.Head, *json.Error) {
	head := json.Open(value)
	read := merkle.Head{Size: json.Read(head, "size", json.Uint64), Root: json.Read(head, "root", readHash)}
	return read, head.Close()
}

func readLog(value any) (Log, *json.Error) {
	name, err := json.Text(value)
	if log := Log(name); err != nil || log == Entries || log == Events {
		return log, err
	}
	return "", json.Problem("a log is `entries` or `events`")
}

func readOrigin(document *json.Object) origin {
	return origin{
		json.Read(document, "genesis_hash", readKey), json.Read(document, "program", readKey),
		json.Read(document, "ledger", readKey),
	}
}

// unreadable is the refusal of JSON that cannot be read as what it should be.
func unreadable(what string, err *json.Error) *fault {
	return refused(err.Place, what+": "+err.Problem)
}

// member gives the value of a member; nil where it is null or absent, or the value no object.
func member(value any, name string) any {
	members, _ := value.([]json.Member)
	for _, member := range members {
		if member.Name == name {
			return member.Value
		}
	}
	return nil
}

func outOfRange(number uint64) string {
	return fmt.Sprintf("%d is beyond the largest tree, %d leaves", number, uint64(merkle.MaxSize))
}
