/** A stream of standard normal numbers, float32, as one of torch's generators draws them. */
export interface NoiseSource {
  /** The next `count` numbers: what `torch.randn` gives for a tensor of that many elements. */
  normals(count: number): Float32Array;
}
