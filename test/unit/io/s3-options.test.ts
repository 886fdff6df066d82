/** Which buckets, prefixes, endpoints and credentials an S3 store takes, from where, and that it repeats no secret. */
import { describe, expect, it } from "vitest";
import { InvalidArgument } from "../../../src/core/errors.js";
import { checkS3Options, parseS3Url, type S3Options, withEnvironment } from "../../../src/io/s3-options.js";
import { S3Store } from "../../../src/io/s3-store.js";
import { nodePlatform } from "../../../src/node-platform.js";
import { portablePlatform } from "../../../src/store/platform.js";
import { errorOf, expectNoSecrets } from "../../helpers/http-errors.js";

const keys = { accessKeyId: "AKIDSECRET", secretAccessKey: "sEcReT/key+1" };
const secrets = ["AKIDSECRET", "sEcReT", "hunter2"];

describe("the URL of a bucket", () => {
  it.each([
    ["s3://pages", "pages", ""],
    ["s3://pages/", "pages", ""],
    ["s3://my.bucket-1/a/B_c/d=e/f~1/.g", "my.bucket-1", "a/B_c/d=e/f~1/.g"],
    ["s3://Old_Bucket/a/", "Old_Bucket", "a"],
  ])("%s", (url, bucket, prefix) => {
    expect(parseS3Url(url)).toEqual({ bucket, prefix });
    expect(new S3Store(parseS3Url(url)).url).toBe(`s3://${bucket}${prefix && `/${prefix}`}`);
  });

  it.each([
    "s3:",
    "s3:/pages",
    "s3://",
    "s3:///a",
    "S3://pages",
    "s3://ab",
    `s3://${"b".repeat(64)}`,
    "s3://pa..ges",
    "s3://-pages",
    "s3://pages-",
    "s3://pa ges",
    "s3://pages:443",
    "s3://pages%2f",
    "s3://AKIDSECRET:sEcReT@pages",
    "s3://AKIDSECRET:sEc/ReT@pages",
    "s3://AKIDSECRET:sEc?ReT@pages/x",
    "s3://pages@hunter2/x",
    "s3://pages?hunter2",
    "s3://pages/a?X-Amz-Signature=hunter2",
    "s3://pages/a#hunter2",
    "s3://pages//a",
    "s3://pages/a//",
    "s3://pages/a//b",
    "s3://pages/..",
    "s3://pages/a/../b",
    "s3://pages/./a",
    "s3://pages/a%2fb",
    "s3://pages/a%2e%2e",
    "s3://pages/a\0b",
    "s3://pages/a\\b",
    "s3://pages/a b",
    "s3://pages/a+b",
    "s3://pages/é",
    "s3://pages/a\n",
    `s3://pages/${"x".repeat(501)}`,
  ])("%j is refused", async (url) => {
    for (const open of [
      () => parseS3Url(url),
      () => nodePlatform.openObjects(url),
      () => portablePlatform.openObjects(url),
    ]) {
      const error = await errorOf((async () => open())());
      expect(error).toBeInstanceOf(InvalidArgument);
      expectNoSecrets(error, secrets);
    }
  });

  it("is checked as well where bucket and prefix come as options", () => {
    for (const place of [
      { bucket: "a/b" },
      { bucket: "" },
      { bucket: "pages", prefix: "/a" },
      { bucket: "pages", prefix: ".." },
    ]) {
      expect(() => new S3Store(place)).toThrow(InvalidArgument);
    }
  });
});

describe("where a bucket is", () => {
  const urlOf = (options: S3Options, bucket = "pages") => checkS3Options({ bucket, ...options }).bucketUrl;
  it.each<[S3Options, string, string]>([
    [{}, "pages", "https://pages.s3.us-east-1.amazonaws.com"],
    [{ region: "eu-central-1" }, "pages", "https://pages.s3.eu-central-1.amazonaws.com"],
    [{ region: "cn-north-1" }, "pages", "https://pages.s3.cn-north-1.amazonaws.com.cn"],
    [{}, "my.pages", "https://s3.us-east-1.amazonaws.com/my.pages"],
    [{}, "Pages", "https://s3.us-east-1.amazonaws.com/Pages"],
    [{ pathStyle: true }, "pages", "https://s3.us-east-1.amazonaws.com/pages"],
    [{ endpoint: "http://127.0.0.1:9000/" }, "pages", "http://127.0.0.1:9000/pages"],
    [{ endpoint: "https://host/s3" }, "pages", "https://host/s3/pages"],
    [{ endpoint: "https://host:8443", pathStyle: false }, "pages", "https://pages.host:8443"],
  ])("%j, %s: %s", (options, bucket, expected) => {
    expect(urlOf(options, bucket)).toBe(expected);
  });

  it.each([
    "host",
    "ftp://host",
    "https://alice:hunter2@host",
    "https://host?hunter2",
    "https://host/#hunter2",
    "https://host/../x",
    "",
  ])("the endpoint %j is refused", async (endpoint) => {
    const error = await errorOf((async () => urlOf({ endpoint }))());
    expect(error).toBeInstanceOf(InvalidArgument);
    expect((error as Error).message).toMatch(/S3 endpoint .*AWS_ENDPOINT_URL_S3/);
    expectNoSecrets(error, secrets);
  });

  it("a region that could be something else is refused", () => {
    for (const region of ["", "a/b", "a.evil.example", "a@b", "a b"]) {
      expect(() => urlOf({ region })).toThrow(InvalidArgument);
    }
  });
});

describe("options and environment", () => {
  const env = {
    AWS_ACCESS_KEY_ID: "env-id",
    AWS_SECRET_ACCESS_KEY: "env-secret",
    AWS_SESSION_TOKEN: "env-token",
    AWS_REGION: "eu-west-1",
    AWS_DEFAULT_REGION: "eu-west-2",
    AWS_ENDPOINT_URL_S3: "https://s3.example",
    AWS_ENDPOINT_URL: "https://all.example",
  };
  const fromEnv = {
    endpoint: "https://s3.example",
    region: "eu-west-1",
    accessKeyId: "env-id",
    secretAccessKey: "env-secret",
    sessionToken: "env-token",
  };

  it("takes what the options do not say from the environment", () => {
    expect(withEnvironment({}, env)).toEqual(fromEnv);
    expect(withEnvironment({}, { ...env, AWS_REGION: "", AWS_ENDPOINT_URL_S3: undefined })).toEqual({
      ...fromEnv,
      region: "eu-west-2",
      endpoint: "https://all.example",
    });
    const all = Object.fromEntries(Object.keys(env).map((name) => [name, ""]));
    expect(withEnvironment({}, all)).toEqual({});
    expect(withEnvironment({ endpoint: "http://x", region: "r", pathStyle: false }, env)).toEqual({
      ...fromEnv,
      endpoint: "http://x",
      region: "r",
      pathStyle: false,
    });
  });

  it("never mixes credentials: a token belongs to its key", () => {
    expect(withEnvironment(keys, env)).toMatchObject({ ...keys, sessionToken: undefined });
    expect(withEnvironment({ accessKeyId: "id" }, env)).toMatchObject({
      accessKeyId: "id",
      secretAccessKey: undefined,
    });
    expect(withEnvironment({ sessionToken: "own" }, env)).toMatchObject({ accessKeyId: "env-id", sessionToken: "own" });
  });

  it.each<[S3Options, RegExp]>([
    [{ accessKeyId: "AKIDSECRET" }, /secretAccessKey \(AWS_SECRET_ACCESS_KEY\) is missing/],
    [{ secretAccessKey: "sEcReT" }, /accessKeyId \(AWS_ACCESS_KEY_ID\) is missing/],
    [{ ...keys, accessKeyId: "AKIDSECRET\n" }, /accessKeyId holds a space/],
    [{ ...keys, secretAccessKey: "" }, /secretAccessKey holds a space/],
    [{ ...keys, sessionToken: "hunter2 hunter2" }, /sessionToken holds a space/],
    [{ ...keys, sessionToken: "hunter2é" }, /sessionToken holds a space/],
  ])("credentials that cannot be are refused by name: %#", async (options, words) => {
    const error = await errorOf((async () => new S3Store({ bucket: "pages", ...options }))());
    expect(error).toBeInstanceOf(InvalidArgument);
    expect((error as Error).message).toMatch(words);
    expectNoSecrets(error, secrets);
  });

  it("opens a bucket in Node from the environment, and says elsewhere that buckets need Node", () => {
    expect(S3Store.open("s3://pages/p", {}, env).url).toBe("s3://pages/p (https://s3.example)");
    expect(S3Store.open("s3://pages/p").url).toBe("s3://pages/p");
    expect(() => portablePlatform.openObjects("s3://pages/p")).toThrow(/buckets need Node/);
    expectNoSecrets(S3Store.open("s3://pages/p", {}, env), ["env-id", "env-secret", "env-token"]);
  });
});
