/** The parts of the untyped client `@alicloud/fc2` that the tests use. */
declare module '@alicloud/fc2' {
  class Client {
    constructor(
      accountId: string,
      config: {
        accessKeyID: string;
        accessKeySecret: string;
        region: string;
        endpoint: string;
        timeout?: number;
      },
    );
    invokeFunction(
      service: string,
      name: string,
      event: string | Buffer,
      headers?: Record<string, string>,
      qualifier?: string,
      options?: { rawBuf?: boolean },
    ): Promise<{ headers: Record<string, string>; data: unknown }>;
    listFunctions(service: string): Promise<{ data: unknown }>;
  }
  export = Client;
}
