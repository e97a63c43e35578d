// Loaded by --import. The clock of this process is SHIFTED_CLOCK_MS ahead of the machine's.
const TrueDate = Date;
const by = Number(process.env.SHIFTED_CLOCK_MS);

globalThis.Date = class extends TrueDate {
  constructor(...given) {
    if (given.length === 0) super(TrueDate.now() + by);
    else super(...given);
  }
  static now() {
    return TrueDate.now() + by;
  }
};
