"""Forty tasks in a person's words, each with calls that do it: to score how well a model chooses tools and arguments.

`tasks.json` is a list of tasks: `task`, what the person says, and `calls`, in their order. A call has

- `tool` and `arguments`. An argument `"$1.connectors[name=Archive S3].connector_id"` comes from the answer of the first
  call: a field, the item of a list by one of its fields or by its number (`[0]`), and so on.
- `proof`: what in the answer shows that the task is done, as such a path (without `$1.`) and the value that stands
  there; `"*"` is any value, `null` none. Or `refused`: a part of an error's text, where an error is the right answer.

The tests make the calls over a real server, in the world that `world.py` makes before each task. To score a model, give
it that world, the tools and `task` alone; a task is done if each proof holds in some answer of the same tool.
"""
