import CEvent
import Glibc

/// The memory of libevent's smallest records, apart from everything else.
///
/// libevent keeps a record of 24 octets for each descriptor number that a loop ever watched, for as long as the loop
/// lives. In the common heap those of a rush of calls come to lie one to a page between memory that is let go of, and
/// none of these pages can be given back: 12 MB for 0.3 MB of records were seen after 16,000 calls.
enum EventMemory {
    /// Before the first use of libevent in the process.
    static func install() {
        event_set_mem_functions(
            { EventMemory.allocate($0) }, { EventMemory.reallocate($0, $1) }, { EventMemory.free($0) })
    }

    /// What is this small lies in chunks of its own; the rest is malloc(3)'s.
    private static let smallest = 32
    /// The length is kept in front of each block, which stays aligned for anything.
    private static let header = 16
    private static let block = header + smallest
    private static let chunk = 1024 * block

    /// Addresses of free memory; 0 for none.
    private struct Pool {
        /// The last block that was freed, which holds the address of the one before.
        var freed: UInt = 0
        /// What was never used of the newest chunk.
        var next: UInt = 0
        var end: UInt = 0
        /// The newest chunk; all of them stay.
        var chunks: [UInt] = []
    }

    private static let pool = Guarded(Pool())

    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let start = size <= smallest ? smallBlock() : malloc(header + size)
        start?.storeBytes(of: size, as: Int.self)
        return start.map { $0 + header }
    }

    private static func smallBlock() -> UnsafeMutableRawPointer? {
        let address: UInt = pool.withLock { pool in
            if let freed = UnsafeMutableRawPointer(bitPattern: pool.freed) {
                pool.freed = (freed + header).load(as: UInt.self)
                return UInt(bitPattern: freed)
            }
            if pool.next == pool.end {
                guard let fresh = malloc(chunk) else { return 0 }
                pool.chunks.append(UInt(bitPattern: fresh))
                pool.next = UInt(bitPattern: fresh)
                pool.end = pool.next + UInt(chunk)
            }
            defer { pool.next += UInt(block) }
            return pool.next
        }
        return UnsafeMutableRawPointer(bitPattern: address)
    }

    private static func free(_ memory: UnsafeMutableRawPointer?) {
        guard let memory else { return }
        let start = memory - header
        guard start.load(as: Int.self) <= smallest else { return Glibc.free(start) }
        pool.withLock { [address = UInt(bitPattern: start)] pool in
            UnsafeMutableRawPointer(bitPattern: address + UInt(header))?.storeBytes(of: pool.freed, as: UInt.self)
            pool.freed = address
        }
    }

    private static func reallocate(_ memory: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let memory else { return allocate(size) }
        let old = (memory - header).load(as: Int.self)
        if old > smallest, size > smallest {
            guard let moved = realloc(memory - header, header + size) else { return nil }
            moved.storeBytes(of: size, as: Int.self)
            return moved + header
        }
        guard let moved = allocate(size) else { return nil }
        moved.copyMemory(from: memory, byteCount: min(old, size))
        free(memory)
        return moved
    }
}
