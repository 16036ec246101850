"""An authority over memory, with short ways to get it into the state a test starts from."""

from collections.abc import Sequence

from doubles.nature import CountingEntropy, PlainPasswords, SetClock
from doubles.stores import MemoryStores
from mandat.authority.applications.registration import IssuedApplication
from mandat.authority.catalogue import Catalogue
from mandat.authority.consent import Answered, Question
from mandat.authority.interfaces import RequestLimits
from mandat.authority.login import OpenedSession, Visitor
from mandat.authority.login_throttle import LoginPolicy
from mandat.authority.permission import IssuedRequest, RequestPolicy
from mandat.authority.service import Authority, make_authority
from mandat.authority.values import Role, User
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.messages import PermissionRequestMessage
from mandat.web.descriptions import own_documents

HERE = "192.0.2.1"
PASSWORD = "correct horse battery"
RULES = (AccessRule("GET", "/domain/zone/example.org/*"), AccessRule("POST", "/domain/zone/example.org/record"))


class AuthorityWorld:
    """Everything a test of the flows touches."""

    def __init__(
        self,
        *,
        login_policy: LoginPolicy | None = None,
        limits: RequestLimits | None = None,
        passwords: PlainPasswords | None = None,
    ) -> None:
        self.stores = MemoryStores()
        self.clock = SetClock()
        self.entropy = CountingEntropy()
        self.passwords = passwords or PlainPasswords()
        self.catalogue = Catalogue(own_documents())
        self.authority: Authority = make_authority(
            self.stores,
            passwords=self.passwords,
            catalogue=self.catalogue,
            clock=self.clock,
            entropy=self.entropy,
            login_policy=login_policy,
            request_policy=RequestPolicy() if limits is None else RequestPolicy(limits=limits),
        )

    async def user(self, login: str, *, role: Role = Role.CUSTOMER) -> User:
        """A new user on an account of his own."""
        made = await self.authority.login.sign_up(login, PASSWORD, role=role, address=HERE)
        assert isinstance(made, User), made
        return made

    async def visitor(self, login: str, *, role: Role = Role.CUSTOMER) -> Visitor:
        """A new user, logged in."""
        await self.user(login, role=role)
        opened = await self.authority.login.log_in(login, PASSWORD, address=HERE)
        assert isinstance(opened, OpenedSession), opened
        found = await self.authority.login.find_visitor(opened.token)
        assert found is not None
        return found

    async def application(self, owner: User, *, name: str = "Shop") -> IssuedApplication:
        """A new application of that owner."""
        made = await self.authority.registration.register(owner, name=name, description="Sells things", address=HERE)
        assert isinstance(made, IssuedApplication), made
        return made

    async def request(
        self,
        application_key: str,
        *,
        rules: Sequence[AccessRule] = RULES,
        redirection: str | None = "https://shop.example/back?x=1",
        networks: tuple[Network, ...] | None = None,
    ) -> IssuedRequest:
        """A question that waits."""
        message = PermissionRequestMessage(tuple(rules), redirection, networks)
        made = await self.authority.permission.ask(application_key, message, address="198.51.100.7")
        assert isinstance(made, IssuedRequest), made
        return made

    async def confirmed(self, token: str, visitor: Visitor, *, validity_seconds: int | None = 3600) -> Answered:
        """Reads the question and confirms it."""
        question = await self.authority.consent.look(token, visitor)
        assert isinstance(question, Question), question
        answered = await self.authority.consent.confirm(
            token, visitor, validity_seconds=validity_seconds, rules_hash=question.rules_hash, address=HERE
        )
        assert isinstance(answered, Answered), answered
        return answered
