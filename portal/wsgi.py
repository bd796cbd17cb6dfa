"""The WSGI entry point. In production it refuses to serve with what only development may have."""

import io
import os

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
if settings.PRODUCTION:
    # Commands run the system checks by themselves; a web server would not.
    call_command("check", stdout=io.StringIO())
