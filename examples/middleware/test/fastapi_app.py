"""A shop in FastAPI: uvicorn serves it in the tests."""

import os

from counterfoil.client import Gateway
from fastapi import FastAPI
from fastapi_records import recorded

app = FastAPI()
orders = []
gateway = Gateway(os.environ["GATEWAY"], timeout_s=2, retry_s=2)
app.middleware("http")(
    recorded(
        gateway,
        os.environ["LEDGER"],
        without_record=os.environ["WITHOUT_RECORD"],
        actor=lambda request: request.headers.get("x-user"),
    )
)


@app.post("/orders")
def order(item: dict):
    orders.append(item)
    return {"orders": len(orders)}


@app.get("/orders")
def count():
    return {"orders": len(orders)}
