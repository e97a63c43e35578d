"""Makes a model of random weights, and measures diffusers' pipeline on onnxruntime with it:

    diffusion.py make <folder> sd-turbo|tiny
    diffusion.py measure <folder> <pixels> <repeats>
"""

import base64
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

SCALES = {
    "sd-turbo": {
        "text": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16},
        "unet": {"block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2, "attention_head_dim": (5, 10, 20, 20)},
        "vae": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32},
    },
    "tiny": {
        "text": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        "unet": {"block_out_channels": (32, 32, 32, 32), "layers_per_block": 1, "attention_head_dim": 2},
        "vae": {"block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4},
    },
}


def make(folder: str, scale: str) -> None:
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from optimum.exporters.onnx import main_export
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    sizes = SCALES[scale]
    with tempfile.TemporaryDirectory() as saved:
        letters = [chr(k) for k in range(33, 127)]
        tokens = [*letters, *[letter + "</w>" for letter in letters], "<|startoftext|>", "<|endoftext|>"]
        vocabulary, merges = Path(saved, "vocab.json"), Path(saved, "merges.txt")
        vocabulary.write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
        merges.write_text("#version: 0.2\n")
        tokenizer = CLIPTokenizer(str(vocabulary), str(merges), model_max_length=77)
        text = CLIPTextConfig(vocab_size=49408, max_position_embeddings=77, hidden_act="gelu", bos_token_id=len(tokens) - 2, eos_token_id=len(tokens) - 1, **sizes["text"])
        width = sizes["text"]["hidden_size"]
        down = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")
        up = ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")
        pipeline = StableDiffusionPipeline(
            tokenizer=tokenizer,
            text_encoder=CLIPTextModel(text).eval(),
            unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=width, use_linear_projection=True, down_block_types=down, up_block_types=up, **sizes["unet"]).eval(),
            vae=AutoencoderKL(latent_channels=4, sample_size=512, down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, **sizes["vae"]).eval(),
            scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="trailing"),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )
        pipeline.save_pretrained(Path(saved, "model"))
        del pipeline
        main_export(str(Path(saved, "model")), output=folder, task="text-to-image", library_name="diffusers", do_validation=False)


def measure(folder: str, pixels: str, repeats: str) -> None:
    import numpy as np
    import torch
    from optimum.onnxruntime import ORTStableDiffusionPipeline

    pipeline = ORTStableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    size = {"width": int(pixels), "height": int(pixels)}
    seconds, cpu_seconds, picture = [], [], ""
    for _ in range(int(repeats)):
        started, cpu = time.perf_counter(), time.process_time()
        generator = torch.Generator().manual_seed(0)
        image = pipeline("a cat", num_inference_steps=1, guidance_scale=0.0, generator=generator, **size).images[0]
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu)
        picture = base64.b64encode(np.asarray(image.convert("RGB")).tobytes()).decode()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "peakMiB": peak, "picture": picture}))


if __name__ == "__main__":
    {"make": make, "measure": measure}[sys.argv[1]](*sys.argv[2:])
