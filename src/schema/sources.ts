import * as z from 'zod';

/** Where facts of a file were read. `facts` names the fields, dotted; a name covers everything below it. */
const source = z.strictObject({
  facts: z.array(z.string().min(1)).min(1),
  /** Project, file and commit, or the address of a page. */
  from: z.string().min(1),
  /** The day it was read or published, `YYYY-MM-DD`. */
  date: z.iso.date(),
  note: z.string().optional(),
});

export const sources = z.array(source).min(1);
