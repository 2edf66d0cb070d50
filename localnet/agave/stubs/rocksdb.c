// Functions that the `rocksdb` crate wraps and the distribution's older RocksDB does not have. The validator calls none of them,
// but the linker wants them all: each ends the process and says its name, should that ever change.
#include <stdio.h>
#include <stdlib.h>

#define ABSENT(name)                                                                  \
    void name(void)                                                                   \
    {                                                                                 \
        fprintf(stderr, "this system's RocksDB is too old: it lacks %s\n", #name);    \
        abort();                                                                      \
    }

ABSENT(rocksdb_block_based_options_set_optimize_filters_for_memory)
ABSENT(rocksdb_block_based_options_set_partition_pinning_tier)
ABSENT(rocksdb_block_based_options_set_top_level_index_pinning_tier)
ABSENT(rocksdb_block_based_options_set_unpartitioned_pinning_tier)
ABSENT(rocksdb_cache_create_hyper_clock)
ABSENT(rocksdb_flush_cfs)
ABSENT(rocksdb_get_db_identity)
ABSENT(rocksdb_options_add_compact_on_deletion_collector_factory_del_ratio)
ABSENT(rocksdb_options_get_track_and_verify_wals_in_manifest)
ABSENT(rocksdb_options_get_write_dbid_to_manifest)
ABSENT(rocksdb_options_set_compaction_pri)
ABSENT(rocksdb_options_set_periodic_compaction_seconds)
ABSENT(rocksdb_options_set_statistics_level)
ABSENT(rocksdb_options_set_track_and_verify_wals_in_manifest)
ABSENT(rocksdb_options_set_write_buffer_manager)
ABSENT(rocksdb_options_set_write_dbid_to_manifest)
ABSENT(rocksdb_options_statistics_get_histogram_data)
ABSENT(rocksdb_options_statistics_get_ticker_count)
ABSENT(rocksdb_ratelimiter_create_auto_tuned)
ABSENT(rocksdb_readoptions_set_async_io)
ABSENT(rocksdb_readoptions_set_auto_readahead_size)
ABSENT(rocksdb_statistics_histogram_data_create)
ABSENT(rocksdb_statistics_histogram_data_destroy)
ABSENT(rocksdb_statistics_histogram_data_get_average)
ABSENT(rocksdb_statistics_histogram_data_get_count)
ABSENT(rocksdb_statistics_histogram_data_get_max)
ABSENT(rocksdb_statistics_histogram_data_get_median)
ABSENT(rocksdb_statistics_histogram_data_get_min)
ABSENT(rocksdb_statistics_histogram_data_get_p95)
ABSENT(rocksdb_statistics_histogram_data_get_p99)
ABSENT(rocksdb_statistics_histogram_data_get_std_dev)
ABSENT(rocksdb_statistics_histogram_data_get_sum)
ABSENT(rocksdb_transactiondb_get_base_db)
ABSENT(rocksdb_wait_for_compact)
ABSENT(rocksdb_wait_for_compact_options_create)
ABSENT(rocksdb_wait_for_compact_options_destroy)
ABSENT(rocksdb_wait_for_compact_options_set_abort_on_pause)
ABSENT(rocksdb_wait_for_compact_options_set_flush)
ABSENT(rocksdb_wait_for_compact_options_set_timeout)
ABSENT(rocksdb_write_buffer_manager_buffer_size)
ABSENT(rocksdb_write_buffer_manager_create)
ABSENT(rocksdb_write_buffer_manager_create_with_cache)
ABSENT(rocksdb_write_buffer_manager_destroy)
ABSENT(rocksdb_write_buffer_manager_enabled)
ABSENT(rocksdb_write_buffer_manager_memory_usage)
ABSENT(rocksdb_write_buffer_manager_set_allow_stall)
ABSENT(rocksdb_write_buffer_manager_set_buffer_size)
ABSENT(rocksdb_writebatch_create_with_params)
ABSENT(rocksdb_writebatch_iterate_cf)
