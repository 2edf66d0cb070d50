// Command counterfoil-verify verifies a document of Counterfoil's without a request, and prints the verdict as one line of JSON.
//
// The exit code is 0 for verified, 1 for refused, 2 for cannot_tell, 3 for consistent, as that of `counterfoil verify`, and 64 for a
// command line or a pin that cannot be read.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"counterfoil.dev/go/internal/text"
	"counterfoil.dev/go/verifier"
)

// exitUsage is EX_USAGE of sysexits.
const exitUsage = 64

const kindPromise = "promise"

var exitCodes = map[verifier.Word]int{verifier.Verified: 0, verifier.Refused: 1, verifier.CannotTell: 2, verifier.Consistent: 3}

var words = map[verifier.Word]string{
	verifier.Verified: "VERIFIED", verifier.Refused: "REFUSED", verifier.CannotTell: "CANNOT TELL",
	verifier.Consistent: "CONSISTENT",
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// arguments is the command line.
type arguments struct {
	kind, input, pin, proof string
	keys                    []verifier.Key
	chainTime               *int64
	isText                  bool
}

func parse(args []string, stderr io.Writer) (*arguments, error) {
	var parsed arguments
	flags := flag.NewFlagSet("counterfoil-verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&parsed.kind, "kind", "", "the `kind` that it must be: receipt, certificate, evidence, consistency, promise")
	flags.StringVar(&parsed.input, "input", "", "the `file` with the document, - for standard input, which is also the default")
	flags.StringVar(&parsed.pin, "pin", "", "the `file` with what you rely on, taken from elsewhere than the document")
	flags.StringVar(&parsed.proof, "proof", "", "of a promise: the `file` with a receipt or evidence that it is judged by")
	flags.Func("promise-key", "of a promise: the gateway's `key`, from your contract; several times for several", func(base58 string) error {
		key, ok := verifier.ParseKey(base58)
		if !ok {
			return errors.New("a key is 32 bytes in base58")
		}
		parsed.keys = append(parsed.keys, key)
		return nil
	})
	flags.Func("time", "of a promise: the newest time of the chain that servers have shown, in `seconds` since 1970", func(seconds string) error {
		time, ok := text.Signed(seconds)
		if !ok {
			return errors.New("a time is a whole number of seconds")
		}
		parsed.chainTime = &time
		return nil
	})
	flags.BoolVar(&parsed.isText, "text", false, "print words for people")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 1 || flags.NArg() == 1 && parsed.input != "" {
		return nil, errors.New("give one file")
	}
	if flags.NArg() == 1 {
		parsed.input = flags.Arg(0)
	}
	switch verifier.Kind(parsed.kind) {
	case kindPromise:
		return &parsed, nil
	case "", verifier.Receipt, verifier.Certificate, verifier.Evidence, verifier.Consistency:
	default:
		return nil, fmt.Errorf("there is no kind %q", parsed.kind)
	}
	if parsed.proof != "" || parsed.keys != nil || parsed.chainTime != nil {
		return nil, errors.New("--proof, --promise-key and --time are for --kind promise")
	}
	return &parsed, nil
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	usage := func(err error) int {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return exitUsage
	}
	parsed, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return usage(err)
	}
	var pin verifier.Pin
	if parsed.pin != "" {
		document, err := read(parsed.pin, stdin)
		if err == nil {
			pin, err = verifier.ReadPin(document)
		}
		if err != nil {
			return usage(err)
		}
	}
	told := judge(parsed, pin, stdin)
	if parsed.isText {
		told.print(stdout)
	} else {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(told.verdict); err != nil {
			return usage(err)
		}
	}
	return exitCodes[told.word]
}

// told is a verdict, and its words for people.
type told struct {
	word                verifier.Word
	reason              string
	checked, notChecked []string
	verdict             any
}

func judge(parsed *arguments, pin verifier.Pin, stdin io.Reader) told {
	document, err := read(parsed.input, stdin)
	if parsed.kind != kindPromise {
		verdict := unread(err)
		if err == nil {
			verdict = verifier.Verify(document, pin)
		}
		if kind := verdict.Kind; parsed.kind != "" && kind != "" && string(kind) != parsed.kind {
			verdict = unread(fmt.Errorf("it is of the kind %s, and has to be of the kind %s", kind, parsed.kind))
			verdict.Verdict, verdict.Kind = verifier.Refused, kind
		}
		return told{verdict.Verdict, verdict.Reason, verdict.Checked, verdict.NotChecked, verdict}
	}
	proof := verifier.PromiseProof{Pin: pin, ChainTime: parsed.chainTime}
	if err == nil && parsed.proof != "" {
		proof.Document, err = read(parsed.proof, stdin)
	}
	verdict := verifier.PromiseVerdict{Verdict: verifier.CannotTell}
	if err != nil {
		verdict.Reason = unread(err).Reason
	} else {
		verdict = verifier.VerifyPromise(document, parsed.keys, proof)
	}
	shown := told{word: verdict.Verdict, reason: verdict.Reason, verdict: verdict}
	if of := verdict.Proof; of != nil {
		shown.checked, shown.notChecked = of.Checked, of.NotChecked
	}
	return shown
}

// unread is the verdict on a document that cannot be read from its file.
func unread(err error) verifier.Verdict {
	verdict := verifier.Verdict{
		Verdict: verifier.CannotTell, Compared: []verifier.Comparison{}, Checked: []string{}, NotChecked: []string{},
	}
	if err != nil {
		verdict.Reason = text.Plain(err.Error())
	}
	return verdict
}

// read reads a file, or standard input for - and for nothing: one byte more than the longest document at most.
func read(path string, stdin io.Reader) ([]byte, error) {
	input := stdin
	if path != "" && path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		input = file
	}
	return io.ReadAll(io.LimitReader(input, verifier.MaxBytes+1))
}

func (t told) print(stdout io.Writer) {
	fmt.Fprintf(stdout, "%s: %s\n", words[t.word], t.reason)
	for _, line := range t.checked {
		fmt.Fprintf(stdout, "  checked: %s\n", line)
	}
	for _, line := range t.notChecked {
		fmt.Fprintf(stdout, "  not checked: %s\n", line)
	}
}
