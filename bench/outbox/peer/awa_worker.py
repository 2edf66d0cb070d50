"""awa's consumer in the benchmark, with a handler that does nothing: awa_worker.py URL WORKERS BATCH. It prints what consume.mjs prints."""

import asyncio
import dataclasses
import json
import sys
import time

import awa


@dataclasses.dataclass
class Order:
    id: int
    customer: str
    amount: float
    note: str
    placed_at: str


def say(**line):
    print(json.dumps(line), flush=True)


async def main(url, workers, batch):
    client = awa.AsyncClient(url, max_connections=20)
    taken = told = 0

    @client.task(Order, kind="order", queue="orders")
    async def order(job):
        nonlocal taken
        taken += 1
        if job.args.customer.startswith("probe"):
            say(probe=job.args.customer, at=time.time())

    await client.start([{"name": "orders", "max_workers": workers, "claim_batch_size": batch}])
    say(ready=True)
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not ended.done():
        await asyncio.sleep(0.05)
        if taken != told:
            told = taken
            say(taken=told, at=time.time())
    await client.shutdown()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
