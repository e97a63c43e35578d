"""Embeds texts with sentence-transformers or onnxruntime: measure.py PROGRAM FOLDER TEXTS BATCH, JSON on standard output."""

import base64
import json
import pathlib
import sys
import time

program, folder, texts, batch = sys.argv[1], pathlib.Path(sys.argv[2]), json.loads(pathlib.Path(sys.argv[3]).read_text()), int(sys.argv[4])
MAX_TOKENS = 256


def onnxruntime():
    import numpy as np
    import onnxruntime as ort
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    session = ort.InferenceSession(str(folder / "onnx" / "model.onnx"), providers=["CPUExecutionProvider"])

    def embed(some):
        encoded = tokenizer.encode_batch(some)
        ids = np.array([e.ids for e in encoded], dtype=np.int64)
        mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = session.run(["last_hidden_state"], feeds)
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    return embed


def sentence_transformers():
    """The architecture of the folder's config.json. Without its weights they are random: the work is the same."""
    import tempfile

    import transformers
    from sentence_transformers import SentenceTransformer, models

    config = transformers.AutoConfig.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as checkpoint:
        transformers.AutoModel.from_config(config).save_pretrained(checkpoint)
        tokenizer.save_pretrained(checkpoint)
        transformer = models.Transformer(checkpoint, max_seq_length=MAX_TOKENS)
        pooling = models.Pooling(transformer.get_word_embedding_dimension(), pooling_mode="mean")
        model = SentenceTransformer(modules=[transformer, pooling, models.Normalize()], device="cpu")
    return lambda some: model.encode(some, batch_size=len(some), show_progress_bar=False)


embed = {"onnxruntime": onnxruntime, "sentence-transformers": sentence_transformers}[program]()


def embed_all(some):
    return [row for start in range(0, len(some), batch) for row in embed(some[start : start + batch])]


embed_all(texts[:32])
wall, cpu = time.perf_counter(), time.process_time()
vectors = embed_all(texts)
seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
bytes_ = b"".join(row.astype("<f4").tobytes() for row in vectors)
print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "vectors": base64.b64encode(bytes_).decode()}))
