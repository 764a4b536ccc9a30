"""`POST /contacts` as a Python team would write it to be fast: FastAPI, SQLAlchemy, asyncpg.

Tables and indexes are created by addressbook's own migrations. The key is compared in memory. It validates less than
addressbook, and maintains no counter of contacts.
"""

import hmac
import os
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import uuid_utils.compat as uuids
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, Uuid
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

KEY = os.environ["API_KEY"]
ACCOUNT = 1

POOL = int(os.environ.get("POOL", "16"))
engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=POOL, max_overflow=0)

contacts = Table(
    "contacts",
    MetaData(),
    Column("account_id", BigInteger, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("handle", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("display_name", Text),
    Column("avatar_url", Text),
    Column("meta", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)
insert = contacts.insert()


@asynccontextmanager
async def lifespan(_app):
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


def e164(text: str) -> str:
    number = "+" + re.sub(r"[ .()-]", "", text).removeprefix("+").removeprefix("00")
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        raise ValueError("not a phone number")
    return number


class NewContact(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    username: Annotated[str, Field(min_length=1, max_length=64)]
    phone_number: Annotated[str, Field(max_length=40), AfterValidator(e164)]
    display_name: Annotated[str, Field(max_length=100)] | None = None
    avatar_url: Annotated[str, Field(max_length=2048, pattern="^https?://")] | None = None
    meta: Annotated[dict[str, Any], Field(max_length=50)] = {}


class Contact(NewContact):
    id: str
    created_at: str
    updated_at: str


async def authorised(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]):
    if not hmac.compare_digest(credentials.credentials, KEY):
        raise HTTPException(401)


@app.post("/contacts", status_code=201, response_model=Contact, dependencies=[Depends(authorised)])
async def create_contact(new: NewContact):
    contact_id = uuids.uuid7()
    now = datetime.now(UTC)
    millis = int(now.timestamp() * 1000)
    row = {
        "account_id": ACCOUNT,
        "id": contact_id,
        "handle": new.username,
        "phone": new.phone_number,
        "display_name": new.display_name,
        "avatar_url": new.avatar_url,
        "meta": orjson.dumps(new.meta).decode(),
        "created_at": millis,
        "updated_at": millis,
        "version": 1,
    }
    try:
        async with engine.begin() as connection:
            await connection.execute(insert, row)
    except IntegrityError:
        raise HTTPException(409, "the username is taken") from None
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    contact = Contact(**new.model_dump(), id=str(contact_id), created_at=moment, updated_at=moment)
    # Serialised here: FastAPI would validate the response again before serialising it.
    return Response(contact.model_dump_json(), 201, media_type="application/json")
