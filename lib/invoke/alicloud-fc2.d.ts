/** The parts of the untyped client `@alicloud/fc2` that are used. */
declare module '@alicloud/fc2' {
  class Client {
    constructor(
      accountId: string,
      config: {
        accessKeyID: string;
        accessKeySecret: string;
        /** Asked for if the key's id starts with `STS`. */
        securityToken?: string | undefined;
        region: string;
        endpoint: string;
        /** Milliseconds. */
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
