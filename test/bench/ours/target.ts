/** Where our load generators find the server, and as whom they come. */
export interface Target {
  url: string;
  operatorToken: string;
  workerToken: string;
  job: string;
  /** Unique among the load generators: executors are named after it. */
  name: string;
}
