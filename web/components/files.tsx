/** Output files of a run. */
import { Download } from "lucide-react";
import { toast } from "sonner";
import { saveFile } from "../graphql/download.ts";
import type { Run } from "../graphql/runs.ts";
import { formatBytes } from "../model/time.ts";
import { Button } from "./button.tsx";
import { Table, Td, Th } from "./table.tsx";

export function Files({ files }: { files: Run["files"] }) {
  const download = (file: Run["files"][number]): void => {
    saveFile(file.url, file.name).catch((error: Error) => toast.error(error.message));
  };
  return (
    <Table
      label="Output files"
      head={
        <>
          <Th>Name</Th>
          <Th right from="sm">
            Attempt
          </Th>
          <Th right>Size</Th>
          <Th className="w-10" />
        </>
      }
    >
      {files.map((file) => (
        <tr key={`${file.attempt}/${file.name}`}>
          <Td className="wrap-anywhere">
            {file.name}
            <span className="block truncate font-mono text-[11px] text-muted" title={file.digest}>
              {file.digest.slice(0, 23)}…
            </span>
          </Td>
          <Td right from="sm">
            {file.attempt}
          </Td>
          <Td right>{formatBytes(file.size)}</Td>
          <Td right>
            <Button
              look="bare"
              icon
              className="size-7"
              aria-label={`Download ${file.name}`}
              onClick={() => download(file)}
            >
              <Download className="size-4" />
            </Button>
          </Td>
        </tr>
      ))}
    </Table>
  );
}
