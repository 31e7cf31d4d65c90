/** The columns that every row of a job has, in order, as SQL types; the job's own follow (PROTOCOL.md §10.3). */
export const ROW_COLUMNS = [
  { name: 'id', type: 'VARCHAR' },
  { name: 'source', type: 'VARCHAR' },
  { name: 'epoch', type: 'BIGINT' },
  { name: 'time', type: 'TIMESTAMP' },
  { name: 'log', type: 'VARCHAR' },
  { name: 'object', type: 'VARCHAR' },
  { name: 'start', type: 'BIGINT' },
  { name: 'end', type: 'BIGINT' },
  { name: 'record', type: 'INTEGER' },
  { name: 'data', type: 'VARCHAR' },
] as const;
