/** Everything of the world that a command may touch: the real process hands it in, tests collect. */
export interface Outside {
  /** Writes a piece of the answer; a promise where the reader is slow. */
  readonly out: (text: string) => void | Promise<void>;
  readonly err: (text: string) => void;
  /** Says what is going on, in one line that the next one or the answer replaces. */
  readonly progress: (text: string) => void;
  /** Lines of standard input. */
  readonly lines: () => AsyncIterable<string>;
  /** Writes a file whole or not at all. @throws the file system's own error */
  readonly writeFile: (path: string, text: string) => void;
  /** Adds to a file, which need not exist. @throws the file system's own error */
  readonly appendFile: (path: string, text: string) => void;
  /** The text of a file; `undefined` where there is none. @throws the file system's own error */
  readonly readFile: (path: string) => string | undefined;
  /** What a git command prints; `undefined` where git refuses it or is not there. */
  readonly git: (args: readonly string[], folder: string) => Promise<string | undefined>;
  /** Where the program was started: paths start from there. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal; 0 where unknown. */
  readonly columns: number;
  readonly outIsTerminal: boolean;
}
