"""All settings, from the environment. Runs with no variable set; `portal.checks` refuses what production must not have."""

from __future__ import annotations

from email.utils import parseaddr
from pathlib import Path

import environ

from portal.kit import private_postgres

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

ENVIRONMENT = env("ENVIRONMENT", default="development")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="development-only-" + "0" * 40)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_URL = env("SITE_URL", default="http://localhost:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- what leaves this machine -------------------------------------------------------------------------------
# With SANDBOX_URL every outbound call goes to that one address, carrying the vendor's Host. Production refuses it.
SANDBOX_URL = env("SANDBOX_URL", default="")
# How many work at the sandbox's company; 100,000 is fine.
SANDBOX_PEOPLE = env.int("SANDBOX_PEOPLE", default=250)

JIRA_URL = env("JIRA_URL", default="")
JIRA_EMAIL = env("JIRA_EMAIL", default="")
JIRA_TOKEN = env("JIRA_TOKEN", default="")
JIRA_PROJECT = env("JIRA_PROJECT", default="INT")
JIRA_ISSUE_TYPE = env("JIRA_ISSUE_TYPE", default="Task")
JIRA_BROWSE_URL = env("JIRA_BROWSE_URL", default=f"{JIRA_URL}/browse")
# The search index of Jira Cloud lags behind its writes; an unclear create is looked for only after this long.
JIRA_UNCLEAR_WAIT_SECONDS = env.int("JIRA_UNCLEAR_WAIT_SECONDS", default=300)

# Jira's admin webhook is signed with one of these; two, parted by a comma, while they are exchanged. Empty: polling alone.
JIRA_WEBHOOK_SECRETS = env("JIRA_WEBHOOK_SECRETS", default="")
# Which comments go across: "in" (Jira's appear here), "out" (internal notes go there), "both" or "off".
JIRA_COMMENTS = env("JIRA_COMMENTS", default="in")

# The procedure's own title lacks a space before the HR system's name; "sop_literal" keeps it that way.
TICKET_TITLE_STYLE = env("TICKET_TITLE_STYLE", default="corrected")

SALESFORCE_DOMAIN = env("SALESFORCE_DOMAIN", default="")
SALESFORCE_KEY = env("SALESFORCE_KEY", default="")
SALESFORCE_SECRET = env("SALESFORCE_SECRET", default="")
SALESFORCE_API_VERSION = env("SALESFORCE_API_VERSION", default="64.0")
SALESFORCE_LMS_ID_FIELD = env("SALESFORCE_LMS_ID_FIELD", default="LMS_ID__c")
SALESFORCE_MRR_FIELD = env("SALESFORCE_MRR_FIELD", default="MRR__c")
SALESFORCE_CURRENCY = env("SALESFORCE_CURRENCY", default="USD")  # of an organisation with only one

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="Integration Desk <desk@support.example>")

# --- what customers copy from us into their own systems; the guides of the cards show it ---------------------
PORTAL_NAME = env("PORTAL_NAME", default="Integration Desk")
LMS_REDIRECT_URI = env("LMS_REDIRECT_URI", default=f"{SITE_URL}/sso/callback")
LMS_SIGN_OUT_URL = env("LMS_SIGN_OUT_URL", default=f"{SITE_URL}/sso/signed-out")
EGRESS_ADDRESSES = env.list("EGRESS_ADDRESSES", default=[])  # of our outbound calls; none known, none shown
SUPPORT_EMAIL = env("SUPPORT_EMAIL", default=parseaddr(DEFAULT_FROM_EMAIL)[1])

# --- secrets at rest ----------------------------------------------------------------------------------------
VAULT_KEYS = env("VAULT_KEYS", default="dev:" + "A" * 43 + "=")

# --- the application ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "portal.outbox.apps.OutboxConfig",
    "portal.audit.apps.AuditConfig",
    "portal.accounts.apps.AccountsConfig",
    "portal.notices.apps.NoticesConfig",
    "integrations.apps.IntegrationsConfig",
    "requests_app.apps.RequestsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "django_htmx",
    "rest_framework",
    "django_q",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.recording.PermissionsPolicyMiddleware",
    "portal.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.recording.RecordingMiddleware",
    "portal.recording.SameSiteMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.SessionLimitsMiddleware",
    "portal.middleware.ReadersTimeZoneMiddleware",
    "portal.accounts.language.ReadersLanguageMiddleware",
    "portal.middleware.PolicyMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.frame",
            ],
            "builtins": ["portal.templatetags.desk"],
        },
    }
]

# --- database, cache, sessions ------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default=private_postgres.uri(BASE_DIR))}
DATABASES["default"].update(
    ENGINE="django.db.backends.postgresql",
    CONN_MAX_AGE=60,
    CONN_HEALTH_CHECKS=True,
    ATOMIC_REQUESTS=False,
    # A connection pool must stay off: it would be shared across django-q2's forks (libraries.md §5).
    OPTIONS={
        **DATABASES["default"].get("OPTIONS", {}),
        "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
    },
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

# A session ends when nobody used it for so long, and in any case after so many hours (portal.accounts.sessions).
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=30)
SESSION_HOURS = env.int("SESSION_HOURS", default=12)
CUSTOMER_SESSION_HOURS = env.int("CUSTOMER_SESSION_HOURS", default=2)
SESSION_COOKIE_AGE = SESSION_HOURS * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_NAME = "__Host-sessionid" if PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if PRODUCTION else "csrftoken"
CSRF_COOKIE_HTTPONLY = True

# --- sign-in ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_RATE_LIMITS = False  # its limits live in the cache; ours are exact (portal.accounts.limits)
ACCOUNT_FORMS = {"reset_password": "portal.accounts.forms.ForgottenPasswordForm"}
PASSWORD_RESET_TIMEOUT = 60 * 60  # seconds
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

# --- headers ------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "font-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "manifest-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come by plain HTTP
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- files --------------------------------------------------------------------------------------------------
DATA_HOME = private_postgres.data_home(BASE_DIR)
STATIC_URL = "/static/"
STATIC_ROOT = env("STATIC_ROOT", default=str(DATA_HOME / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = env("MEDIA_ROOT", default=str(DATA_HOME / "media"))
WHITENOISE_USE_FINDERS = not PRODUCTION
# Evidence: a folder (MEDIA_ROOT), or with a bucket any server that speaks S3. Nothing is ever linked to: our view streams.
EVIDENCE_S3_BUCKET = env("EVIDENCE_S3_BUCKET", default="")
EVIDENCE_S3_ENDPOINT_URL = env("EVIDENCE_S3_ENDPOINT_URL", default="")  # empty: Amazon's own
EVIDENCE_S3_REGION = env("EVIDENCE_S3_REGION", default="")
EVIDENCE_S3_KEY = env("EVIDENCE_S3_KEY", default="")  # empty with the secret: the host's own role
EVIDENCE_S3_SECRET = env("EVIDENCE_S3_SECRET", default="")
EVIDENCE_S3_ENCRYPTION = env(
    "EVIDENCE_S3_ENCRYPTION", default="AES256"
)  # "aws:kms", or empty for the bucket's own
_EVIDENCE_BUCKET = {
    "BACKEND": "portal.kit.s3.EvidenceBucket",
    "OPTIONS": {
        "bucket": EVIDENCE_S3_BUCKET,
        "endpoint_url": EVIDENCE_S3_ENDPOINT_URL,
        "region": EVIDENCE_S3_REGION,
        "key": EVIDENCE_S3_KEY,
        "secret": EVIDENCE_S3_SECRET,
        "encryption": EVIDENCE_S3_ENCRYPTION,
    },
}
_FOLDER = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
STORAGES = {
    "default": _EVIDENCE_BUCKET if EVIDENCE_S3_BUCKET else _FOLDER,
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
UPLOAD_MAX_BYTES = 10 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- language and time --------------------------------------------------------------------------------------
# The desk works in English; customers read one of these (portal.accounts.language).
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- business time: our clock runs in it, and the targets per stage are hours of it ---------------------------
BUSINESS_HOURS = env("BUSINESS_HOURS", default="09:00-17:00")
BUSINESS_DAYS = env("BUSINESS_DAYS", default="mon-fri")
BUSINESS_TIME_ZONE = env("BUSINESS_TIME_ZONE", default="UTC")
BUSINESS_HOLIDAYS = env("BUSINESS_HOLIDAYS", default="")  # a country ("US") or a part of one ("DE-BE")
# On business days and within these hours of BUSINESS_TIME_ZONE customers are reminded by mail.
REMINDER_HOURS = env("REMINDER_HOURS", default="08:00-18:00")
BUSINESS_CLOSED = env.list("BUSINESS_CLOSED", default=[])  # further dates without work: 2026-12-24,2026-12-31
SERVICE_TARGETS = env("SERVICE_TARGETS", default="draft=16,submitted=8,changes_requested=16,approved=4")

# --- personal data: days after which somebody who was deactivated, and the people of a connection that was ended, lose it
PERSON_RETENTION_DAYS = env.int("PERSON_RETENTION_DAYS", default=30)
DISCONNECT_RETENTION_DAYS = env.int("DISCONNECT_RETENTION_DAYS", default=30)

# --- background tasks: reliability-security.md §2.4; portal.checks asserts the inequality --------------------
_SHORT = {"workers": 2, "queue_limit": 2, "timeout": 60, "retry": 300}
# Applying a run of a million people is one transaction.
_SYNC = {"workers": 2, "queue_limit": 2, "timeout": 600, "retry": 1900}
Q_CLUSTER = {
    "name": "portal",
    "orm": "default",
    "bulk": 1,
    "ack_failures": True,  # retries belong to our own rows
    "max_attempts": 1,
    "catch_up": False,
    "guard_cycle": 0.5,  # at 0.3 the time limit is never enforced
    "poll": 0.5,
    "save_limit": 100,
    "recycle": 200,
    "compress": False,
    "cache": "default",
    "time_zone": "UTC",
    "label": "Background tasks",
    **_SHORT,
    "ALT_CLUSTERS": {"short": dict(_SHORT), "sync": dict(_SYNC)},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 50,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "portal.kit.logs.RedactFilter"}},
    "formatters": {
        "json": {"()": "portal.kit.logs.formatter", "as_json": PRODUCTION},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["redact"]}},
    "root": {"handlers": ["stderr"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {"django-q": {"level": "WARNING"}, "mail.log": {"level": "WARNING"}},
}
