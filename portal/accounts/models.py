"""Who: users, companies, memberships, and the links by which a customer admin comes in."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now


class Role(models.TextChoices):
    CSM = "csm", "Customer success manager"
    TL = "tl", "Team lead"
    DEVELOPER = "developer", "Developer"
    OPERATOR = "operator", "Operator"
    CUSTOMER_ADMIN = "customer_admin", "Customer admin"


class Language(models.TextChoices):
    """What customers read. The desk's own pages are in English."""

    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"


STAFF_ROLES = frozenset({Role.CSM, Role.TL, Role.DEVELOPER, Role.OPERATOR})
# A connection's credentials come from the customer; of the staff only those who also handle them in tickets.
SECRET_GIVERS = frozenset({Role.CUSTOMER_ADMIN, Role.TL, Role.DEVELOPER})


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        if password:
            user.set_password(password)
        else:
            user.set_unusable_password()
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person with an account. The e-mail address is the name; roles say what they may do."""

    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=5, choices=Language, default=Language.ENGLISH)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name", "role"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_once", violation_error_message="Taken."),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_desk_staff(self) -> bool:
        return self.role in STAFF_ROLES

    @property
    def may_enter_secrets(self) -> bool:
        return self.role in SECRET_GIVERS

    # django-q2's and Django's own checks ask for these; the stock admin is not installed.
    is_staff = False
    is_superuser = False


class CompanyQuerySet(models.QuerySet["Company"]):
    def for_actor(self, user: User) -> CompanyQuerySet:
        """The one way to companies: staff see all, a customer admin their own, nobody else any.

        Whoever was asked for single answers only is no member: of the company they see nothing.
        """
        if not user.is_active:
            return self.none()
        if user.is_desk_staff:
            return self
        return self.filter(memberships__in=Membership.objects.whole().filter(user=user)).distinct()


class Company(models.Model):
    """A customer organisation. `salesforce_id` empty means typed in by hand and not verified."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    lms_id = models.CharField("LMS ID", max_length=40, blank=True)
    mrr = models.DecimalField("MRR", max_digits=12, decimal_places=2, null=True, blank=True)
    mrr_currency = models.CharField(max_length=3, blank=True)
    salesforce_id = models.CharField(max_length=18, blank=True)
    salesforce_owner = models.CharField(max_length=120, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    hris_entitled = models.BooleanField("plan includes HRIS", default=True)
    sso_entitled = models.BooleanField("plan includes SSO", default=True)
    several_connections = models.BooleanField("several HR systems at once", default=False)
    color = models.CharField(
        "colour",
        max_length=7,
        blank=True,
        validators=[RegexValidator(r"^#[0-9a-f]{6}$", "Use a form like #0054a6.")],
    )
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = CompanyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "companies"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "salesforce_id", name="company_salesforce_once", condition=~Q(salesforce_id="")
            ),
            models.CheckConstraint(
                condition=Q(mrr=None, mrr_currency="") | Q(mrr__gte=0, mrr_currency__regex="^[A-Z]{3}$"),
                name="company_mrr_has_a_currency",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    def live(self) -> MembershipQuerySet:
        """A membership that came by a link lasts while any link that this person used for the company is not revoked."""
        return self.filter(Q(link=None) | models.Exists(self._used()))

    def whole(self) -> MembershipQuerySet:
        """Live, and by more than links to single items that a colleague handed on."""
        return self.filter(Q(link=None) | models.Exists(self._used().filter(item_keys=[])))

    def is_guest(self, user: User) -> bool:
        """A customer admin who was asked for single answers only. One query for everybody else who has a company."""
        mine = self.filter(user=user)
        return user.role == Role.CUSTOMER_ADMIN and not mine.whole().exists() and mine.live().exists()

    def _used(self) -> models.QuerySet[AccessLink]:
        return AccessLink.objects.filter(
            company=models.OuterRef("company"), used_by=models.OuterRef("user"), revoked_at=None
        )


class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="memberships")
    # CASCADE: a link that is deleted must not leave a membership behind that nothing can end.
    link = models.ForeignKey("AccessLink", on_delete=models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("user", "company", name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} of {self.company}"


class AccessLink(models.Model):
    """A link for one customer admin to one request. Only the hash of its 256-bit token is stored.

    The link alone opens nothing: whoever has it asks for a code of 6 digits, which goes to the address and works for
    10 minutes, in that browser, once. Access ends at once when the link is revoked.
    `item_keys` empty: the customer's whole part; else only these items, which `delegated_by` handed on.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="access_links")
    request_id = models.UUIDField("request's public id", db_index=True)
    email = models.EmailField("e-mail")
    nonce = models.BinaryField(max_length=32)
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="links_used"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    language = models.CharField(max_length=5, choices=Language, default=Language.ENGLISH)
    item_keys = models.JSONField(default=list, blank=True)
    delegated_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="links_delegated"
    )
    code_hash = models.BinaryField(max_length=32, null=True, blank=True)
    code_sent_at = models.DateTimeField(null=True, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    code_tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"link for {self.email}"

    @property
    def masked_email(self) -> str:
        """Enough to recognise one's own address, too little to learn somebody else's: "d…@riverside.example"."""
        name, _, domain = self.email.partition("@")
        return f"{name[:1]}…@{domain}"

    @staticmethod
    def hash_of(token: str) -> bytes:
        return hashlib.sha256(token.encode()).digest()


class Allowance(models.Model):
    """How often something was done in a span of time. One atomic statement counts (services.limits)."""

    key = models.CharField(max_length=160, unique=True)
    started_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
