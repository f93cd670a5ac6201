/** Everything of the world that a command may touch: the real process hands it in, tests collect. */
export interface Outside {
  /** Writes a piece of the answer; a promise where the reader is slow. */
  readonly out: (text: string) => void | Promise<void>;
  readonly err: (text: string) => void;
  /** Lines of standard input. */
  readonly lines: () => AsyncIterable<string>;
  /** Writes a file whole or not at all. @throws the file system's own error */
  readonly writeFile: (path: string, text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal; 0 where unknown. */
  readonly columns: number;
  readonly outIsTerminal: boolean;
}
