import { describe, expect, test } from '@jest/globals';
import { isRefusal, runtimeError } from '../../models/onnx/runtime-error.js';
import { lastWords, runtimeSentence } from '../../models/onnx/runtime-words.js';

// Errors of onnxruntime 1.30 on Linux, with its CUDA provider above a driver without a device, and with Vulkan.
const SAID: readonly [said: string, sentence: string][] = [
  [
    '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; std::conditional_t<THRW, void, common::Status> = void] /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:146 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; std::conditional_t<THRW, void, common::Status> = void] CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=352 ; expr=cudaSetDevice(info_.device_id); \n\n',
    'CUDA failure 100: no CUDA-capable device is detected',
  ],
  [
    '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n',
    'Failed to get a WebGPU adapter: No supported adapters',
  ],
  [
    "Exception during initialization: /onnxruntime_src/onnxruntime/core/optimizer/transformer_memcpy.cc:253 bool onnxruntime::TransformerMemcpyImpl::IsNodeCompatibleWithProvider(const onnxruntime::Node&) const !node_provider_type.empty() was false. Provider type for Conv node with name '' is not set.",
    "Provider type for Conv node with name '' is not set",
  ],
  [
    '\u001b[1;31m2026-11-29 07:48:53.8 [E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1988 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library x.so\n\u001b[m',
    '2026-11-29 07:48:53.8 [E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] Failed to load library x.so',
  ],
  [
    'Load model from x.onnx failed:Protobuf parsing failed.',
    'Load model from x.onnx failed:Protobuf parsing failed',
  ],
  ['a (plain) sentence', 'a (plain) sentence'],
];

describe('a sentence of the runtime', () => {
  test.each(SAID)('%.60s…', (said, sentence) => {
    expect(runtimeSentence(said)).toBe(sentence);
  });

  test('is short, on one line and well-formed, whatever the runtime writes', () => {
    for (const said of [
      'x'.repeat(5000),
      `${'y'.repeat(298)}😀😀😀`,
      'a\n\nb\tc',
      '',
      '(((::(',
      '/a/b.cc:1 f::g(',
    ]) {
      const sentence = runtimeSentence(said);
      expect(sentence.length).toBeLessThanOrEqual(300);
      expect(sentence).not.toMatch(/[\n\t]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
    }
  });
});

describe('the last words of a process', () => {
  const DAWN = [
    'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.',
    "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory",
    '    at operator() (/build/Release/_deps/dawn-src/src/dawn/native/vulkan/BackendVk.cpp:368)',
    '',
    '\u001b[0;93m2026-11-29 07:43:55.697 [W:onnxruntime:, session_state.cc:1263 VerifyEachNodeIsAssignedToAnEp] Some nodes were not assigned\u001b[m',
  ].join('\n');

  test('leave out the remarks of drivers and of the runtime', () => {
    expect(lastWords(DAWN, 500)).toBe('');
    expect(lastWords(`${DAWN}\nFATAL ERROR: heap out of memory\n 1: 0xb7\n${DAWN}`, 500)).toBe(
      'FATAL ERROR: heap out of memory\n 1: 0xb7',
    );
  });

  test('are at most the given length, from the end', () => {
    expect(lastWords(`${'a'.repeat(600)}the end`, 10)).toBe('aaathe end');
    expect(lastWords('😀😀😀', 3)).toBe('😀');
  });
});

describe('a refusal of the runtime', () => {
  test.each([
    "Could not find an implementation for Conv(22) node with name ''",
    "Provider type for Conv node with name '' is not set.",
    'Unsupported data type: 16',
    'Program Transpose requires f16 but the device does not support it',
    'Invalid dispatch group size (1, 1, 0)',
    'Got invalid dimensions for input: x for the following indices',
  ])('is bad input on every device: %s', (message) => {
    expect(isRefusal(new Error(message))).toBe(true);
    expect(runtimeError('it failed', new Error(message))).toMatchObject({ kind: 'InvalidInput' });
  });

  test.each([
    'CUDA failure 2: out of memory',
    'Device is lost',
    'Failed to allocate memory for requested buffer',
  ])('is none where the device failed: %s', (message) => {
    expect(runtimeError('it failed', new Error(message))).toMatchObject({ kind: 'DeviceError' });
  });
});
