"""What the portal must be told to talk to the sandbox: used by `manage.py up` and by the tests."""

from portal.sandbox.credentials import CREDENTIALS


def environment(url: str, smtp_port: int) -> dict[str, str]:
    """Environment variables, by the names of portal.settings."""
    jira, salesforce = CREDENTIALS["jira"], CREDENTIALS["salesforce"]
    return {
        "SANDBOX_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp_port}",
        "JIRA_URL": f"https://{jira['site']}",
        "JIRA_EMAIL": jira["email"],
        "JIRA_TOKEN": jira["api_token"],
        "JIRA_PROJECT": jira["project"],
        "JIRA_WEBHOOK_SECRETS": jira["webhook_secret"],
        "JIRA_COMMENTS": "both",
        "JIRA_BROWSE_URL": f"{url}/jira/browse",
        "SALESFORCE_DOMAIN": salesforce["domain"],
        "SALESFORCE_KEY": salesforce["consumer_key"],
        "SALESFORCE_SECRET": salesforce["consumer_secret"],
    }
