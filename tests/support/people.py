"""Made-up people and companies."""

from __future__ import annotations

from decimal import Decimal

from django.test import Client

from portal.accounts.models import Company, Membership, Role, User

PASSWORD = "correct horse battery"


def a_user(role: Role = Role.CSM, name: str = "Jamie Park", email: str = "") -> User:
    address = email or f"{name.lower().replace(' ', '.')}@support.example"
    return User.objects.create_user(address, PASSWORD, name=name, role=role)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_company(name: str = "Riverside Community Health", lms_id: str = "48213") -> Company:
    return Company.objects.create(name=name, lms_id=lms_id, mrr=Decimal("4250.00"), mrr_currency="USD")


def a_customer(company: Company, email: str = "dana@riverside.example") -> User:
    user = User.objects.create_user(email, name="Dana Whitfield", role=Role.CUSTOMER_ADMIN)
    Membership.objects.create(user=user, company=company)
    return user
