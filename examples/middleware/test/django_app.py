"""A shop in Django, whose settings and views are this file: `django_app.py runserver ADDRESS` serves it in the tests."""

import os
import sys
from urllib.parse import urlsplit

from django.conf import settings

at = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    SECRET_KEY="of the tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django_records.Recorded"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": at.hostname, "PORT": at.port, "USER": at.username,
                           "PASSWORD": at.password or "", "NAME": at.path[1:]}},
    COUNTERFOIL_LEDGER=os.environ["LEDGER"],
    COUNTERFOIL_WITHOUT_RECORD=os.environ["WITHOUT_RECORD"],
)

from django.core.management import execute_from_command_line  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


@csrf_exempt
def orders(request):
    with connection.cursor() as cursor:
        if request.method == "POST":
            cursor.execute("insert into shop_order (item) values (%s)", [request.body.decode()])
        cursor.execute("select count(*) from shop_order")
        return JsonResponse({"orders": cursor.fetchone()[0]})


urlpatterns = [path("orders", orders)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
