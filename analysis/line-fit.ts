/** The least-squares line through points. */
export interface LineFit {
  /** Null with fewer than two different x. */
  readonly slope: number | null;
  readonly intercept: number | null;
  /** Share of the variance of y that the line explains, in [0, 1]. Null if there is no line, or no variance. */
  readonly rSquared: number | null;
}

/** Fits y = intercept + slope · x by least squares. The arrays have one length. */
export function fitLine(xs: ArrayLike<number>, ys: ArrayLike<number>): LineFit {
  const count = xs.length;
  let meanX = 0;
  let meanY = 0;
  for (let place = 0; place < count; place++) {
    meanX += xs[place]! / count;
    meanY += ys[place]! / count;
  }
  let squaresX = 0;
  let squaresY = 0;
  let products = 0;
  for (let place = 0; place < count; place++) {
    const x = xs[place]! - meanX;
    const y = ys[place]! - meanY;
    squaresX += x * x;
    squaresY += y * y;
    products += x * y;
  }
  if (!(squaresX > 0)) return { slope: null, intercept: null, rSquared: null };
  const slope = products / squaresX;
  const rSquared = squaresY > 0 ? Math.min(1, (products * products) / (squaresX * squaresY)) : null;
  return { slope, intercept: meanY - slope * meanX, rSquared };
}
