"""Django: a request that may change something and its record are one transaction, by the outbox in the same database."""

import json
import logging
import uuid

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction
from django.http import JsonResponse

SAFE = {"GET", "HEAD", "OPTIONS"}
RECORD = "select counterfoil.record(%s, %s::jsonb, stream => 'requests')"
log = logging.getLogger("counterfoil")


class Recorded:
    """Add it to MIDDLEWARE behind authentication. Settings: COUNTERFOIL_LEDGER, and COUNTERFOIL_WITHOUT_RECORD.

    The second one says what happens where the outbox takes no record: `refuse` undoes the request and answers 503; `go on` keeps it, and logs
    an error. There is no default: choose aloud. `counterfoil outbox install` makes the outbox, `counterfoil.grant_record` the right.
    """

    def __init__(self, get_response):
        self.get_response, self.ledger = get_response, settings.COUNTERFOIL_LEDGER
        self.without_record = getattr(settings, "COUNTERFOIL_WITHOUT_RECORD", None)
        if self.without_record not in ("refuse", "go on"):
            raise ImproperlyConfigured("COUNTERFOIL_WITHOUT_RECORD is 'refuse' or 'go on'")

    def __call__(self, request):
        if request.method in SAFE:
            return self.get_response(request)
        with transaction.atomic():
            response = self.get_response(request)
            user = getattr(request, "user", None)
            said = {
                "request": str(uuid.uuid4()),
                "method": request.method,
                "path": request.path,
                "actor": user.get_username() if user and user.is_authenticated else None,
                "status": response.status_code,
            }
            try:
                # A point of its own, for after an error nothing else of the transaction would be taken.
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(RECORD, [self.ledger, json.dumps(said)])
                    response["counterfoil-record"] = str(cursor.fetchone()[0])
            except DatabaseError as error:
                if self.without_record == "refuse":
                    transaction.set_rollback(True)
                    return JsonResponse({"error": "this request cannot be recorded now, and was undone: try again"}, status=503)
                log.error("no record of request %s, %s %s: %s", said["request"], said["method"], said["path"], error)
        return response
