"""What people do with the `openai` package, against `aquifer serve`. Arguments: base URL, API key.

Written for openai 3.54.0.
"""

import asyncio
import sys

import openai

url, key = sys.argv[1], sys.argv[2]
client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where does the river go? 河?"}]


def refused(kind, **changes):
    arguments = {"model": "tiny", "messages": messages, "max_tokens": 4} | changes
    try:
        client.chat.completions.create(**arguments)
    except kind as error:
        assert error.body["message"], error
        return error.body["message"]
    raise AssertionError(f"{changes} was not refused")


# Models.
assert [model.id for model in client.models.list()] == ["tiny"]
assert client.models.retrieve("tiny").id == "tiny"

# A whole answer, with everything on it.
whole = client.chat.completions.create(
    model="tiny", messages=messages, max_completion_tokens=20, seed=7, n=2, logprobs=True, top_logprobs=3
)
assert len(whole.choices) == 2 and whole.choices[0].message.role == "assistant"
assert whole.choices[0].finish_reason in ("stop", "length")
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
for entry in whole.choices[0].logprobs.content:
    assert entry.logprob <= 0 and len(entry.top_logprobs) == 3
    assert bytes(entry.bytes) == entry.token.encode() or entry.token.startswith("bytes:")
assert whole.seed == 7

# The same, streamed.
text, usage, finish = {0: "", 1: ""}, None, {}
stream = client.chat.completions.create(
    model="tiny", messages=messages, max_completion_tokens=20, seed=7, n=2, stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    for choice in chunk.choices:
        text[choice.index] += choice.delta.content or ""
        if choice.finish_reason:
            finish[choice.index] = choice.finish_reason
    usage = chunk.usage or usage
assert text == {choice.index: choice.message.content for choice in whole.choices}, (text, whole)
assert finish == {choice.index: choice.finish_reason for choice in whole.choices}
assert usage == whole.usage, (usage, whole.usage)

# The accumulating helper of the package reads the stream as well.
with client.chat.completions.stream(model="tiny", messages=messages, max_tokens=20, seed=7) as helper:
    helped = "".join(event.delta for event in helper if event.type == "content.delta")
assert helped == whole.choices[0].message.content

# A stream left in the middle.
with client.chat.completions.create(model="tiny", messages=messages, max_tokens=200, stream=True) as stream:
    next(iter(stream))

# Plain completions; the scores of a prompt.
echo = client.completions.create(model="tiny", prompt="the sea", max_tokens=0, echo=True, logprobs=2).choices[0]
assert echo.text == "the sea"
assert all(score <= 0 for score in echo.logprobs.token_logprobs)
many = client.completions.create(model="tiny", prompt=["the sea", [5, 6, 7]], max_tokens=5, temperature=0, stop=["zz"])
assert [choice.index for choice in many.choices] == [0, 1]
pieces = client.completions.create(model="tiny", prompt="the sea", max_tokens=5, temperature=0, stream=True)
assert "".join(piece.choices[0].text for piece in pieces) == many.choices[0].text
vllm = client.completions.create(model="tiny", prompt="a", max_tokens=5, extra_body={"top_k": 1, "min_p": 0.1})
assert vllm.choices[0].finish_reason in ("stop", "length")

# Errors arrive as the exceptions people catch.
assert "`tiny`" in refused(openai.NotFoundError, model="gpt-4o")
assert "empty" in refused(openai.BadRequestError, messages=[])
assert "temperature" in refused(openai.BadRequestError, temperature=9)
assert "tools" in refused(
    openai.BadRequestError, tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]
)
assert "at most 512" in refused(openai.BadRequestError, max_tokens=5000)
try:
    openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0).models.list()
    raise AssertionError("a wrong key was let in")
except openai.AuthenticationError as error:
    assert error.status_code == 401


# Many at once, each with the answer it gets alone.
async def crowd():
    everyone = openai.AsyncOpenAI(base_url=url + "/v1", api_key=key, max_retries=0)

    async def ask(i):
        answer = await everyone.chat.completions.create(model="tiny", messages=messages, max_tokens=8, seed=i % 8)
        return answer.choices[0].message.content

    alone = [await ask(i) for i in range(8)]
    together = await asyncio.gather(*(ask(i) for i in range(64)))
    assert together == [alone[i % 8] for i in range(64)]


asyncio.run(crowd())
print("openai", openai.__version__, "ok")
