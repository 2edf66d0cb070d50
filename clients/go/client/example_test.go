package client_test

import (
	"context"
	"fmt"
	"log"

	"counterfoil.dev/go/client"
	"counterfoil.dev/go/verifier"
)

// It is compiled and not run: there is no gateway here.
func ExampleGateway() {
	var ledger verifier.Key
	var promiseKeys []verifier.Key
	var pin verifier.Pin
	ctx := context.Background()

	gateway, err := client.NewGateway("https://gateway.example", client.Options{Key: "cfk_…", PromiseKeys: promiseKeys})
	if err != nil {
		log.Fatal(err)
	}
	appended, err := gateway.Append(ctx, ledger, []byte(`{"order": 1}`), client.AppendOptions{IdempotencyKey: "order-1"})
	if err != nil {
		log.Fatal(err)
	}
	record, err := gateway.Wait(ctx, appended.ID, client.Checked)
	if err != nil {
		log.Fatal(err)
	}
	verdict := verifier.Verify(record.Receipt, pin)
	fmt.Println(verdict.Verdict, verdict.Reason)
}
