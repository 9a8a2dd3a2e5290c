import Foundation
import KeyValueStore
import KeyValueTesting

// Two writers that change a store until they are killed. `KillTests` starts and kills it. Prints a
// line for each change that was committed: the writer, and how many changes it has made.
//
//     kv-crash-client STORE SEED FIRST0 FIRST1

let arguments = CommandLine.arguments
guard arguments.count == 5, let seed = UInt64(arguments[2]) else { exit(2) }
let store = try KeyValueStore.open(arguments[1], options: smallOptions())
for writer in 0..<2 {
    guard let first = Int(arguments[3 + writer]) else { exit(2) }
    let connection = try store.connect()
    nonisolated(unsafe) let mine = connection
    Thread.detachNewThread {
        let operations = Operations(seed: seed, writer: writer, keyCount: 300)
        for number in first... {
            let operation = operations[number]
            let isCommitted: Bool
            do { isCommitted = try Operations.perform(operation, mine) } catch {
                FileHandle.standardError.write(Data("\(error)\n".utf8))
                exit(3)
            }
            if isCommitted {
                // One write, so that lines of two threads do not mix.
                let line = Array("\(writer) \(number + 1)\n".utf8)
                _ = write(1, line, line.count)
            }
        }
    }
}
while true { sleep(1000) }
