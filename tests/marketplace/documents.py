"""A small stack document, and ways to spoil it."""

import json
import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML

SMALL = """\
arazzo: 1.0.1
info:
  title: Small
  summary: Makes a thing.
  description: Makes a thing and reads it.
  version: "1.0.0"
  x-mandat-publisher: Tests
  x-mandat-category: Things
sourceDescriptions:
  - name: provider
    url: things.json
    type: openapi
workflows:
  - workflowId: install
    summary: Make it.
    inputs:
      type: object
      additionalProperties: false
      required: [name]
      properties:
        name:
          type: string
          title: Name
          description: What it is called.
          maxLength: 60
        size:
          type: integer
          title: Size
          description: How large it is.
          minimum: 1
          maximum: 9
          default: 3
        kind:
          type: string
          title: Kind
          description: What kind it is.
          maxLength: 80
          default: plain {$inputs.name}
        loud:
          type: boolean
          title: Loud
          description: Whether it is loud.
          default: false
    steps:
      - stepId: create
        description: Make {$inputs.name}
        operationId: POST /things/{name}
        parameters:
          - {name: name, in: path, value: $inputs.name}
          - {name: size, in: query, value: "{$inputs.size} m"}
        requestBody:
          contentType: application/json
          payload:
            kind: $inputs.kind
            loud: $inputs.loud
            label: "{$inputs.name} {$inputs.loud}"
            nested: [{size: $inputs.size}]
        successCriteria:
          - condition: $statusCode == 200
        outputs:
          id: $response.body#/parts/0/id
        x-mandat-creates: {what: thing, name: "{$inputs.name}", value: "size {$inputs.size}", dns: A}
      - stepId: read
        description: Read {$inputs.name}
        operationId: GET /things/{name}/parts/{id}
        parameters:
          - {name: name, in: path, value: $inputs.name}
          - {name: id, in: path, value: $steps.create.outputs.id}
    outputs:
      thing: $steps.create.outputs.id
  - workflowId: uninstall
    summary: Take it away.
    steps:
      - stepId: remove
        description: Remove it
        operationId: DELETE /things/{name}/parts/{id}
        parameters:
          - {name: name, in: path, value: $inputs.name}
          - {name: id, in: path, value: $workflows.install.outputs.thing}
"""


def changed(text: str, *changes: Callable[[dict[str, Any]], Any]) -> str:
    """The document after these changes, in the part of YAML that JSON is: it keeps the order."""
    document = YAML(typ="safe", pure=True).load(text)
    for change in changes:
        change(document)
    return json.dumps(document, indent=1)


def set_at(place: str, **members: Any) -> Callable[[dict[str, Any]], None]:
    """A change that sets members of the mapping at `place`, such as `workflows[0].steps[1]`."""

    def change(document: dict[str, Any]) -> None:
        found: Any = document
        for key, index in re.findall(r"([A-Za-z-]+)|\[(\d+)\]", place):
            found = found[key] if key else found[int(index)]
        found.update(members)

    return change
