#!/usr/bin/env python3
"""Speed of encoding with a qwen.tiktoken vocabulary, beside the tiktoken package on one thread: the two take turns.

usage: bench_tokenizer.py [MODEL] [--heng build/heng] [--data ../shared/data] [--megabytes 10] [--runs 5]
                          [--goal 3] [--json]

MODEL is a folder with qwen.tiktoken; by default the one of ../shared/golden. The text is a third Chinese (the
questions of CMMLU), a third English (GSM8K, the topics of pydoc) and a third code (the standard library of this
Python, in the order of its names), in documents of 16 KB by turns; a part that is too short begins again.

heng is one `heng tokenize --jsonl` that stays open: its time is from the first line in to the last line out, so
reading and writing JSON and the pipes count, the start does not. Beside it stands what its JSON took: the same
documents with --decode, no: see below. tiktoken's time is that of encode_ordinary for the same documents, Qwen's
pattern and ranks, without the NFC normalisation that heng does too. Both give the same ids, or the tool says where
they part and ends with status 1. Needs tiktoken from PyPI. Exit status 1 too where the ratio is under --goal.
"""
